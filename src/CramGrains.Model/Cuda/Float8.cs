using CramGrains.Model.Modules;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>An FP8 copy that the stage which makes a tensor writes beside it: the copy, and the tensor's own scale.</summary>
/// <param name="Data">Room for the copy, shared by tensors that are never needed at once.</param>
/// <param name="Scale"><c>[1]</c> at a multiple of 16 bytes, multiplies values on their way into FP8.</param>
/// <param name="Inverse"><c>[1]</c>, what products multiply by.</param>
/// <param name="Largest"><c>[1]</c>, the largest magnitude of the tensor so far in this microbatch.</param>
/// <param name="Gradient">e5m2, which reaches further; otherwise e4m3, which is finer.</param>
internal sealed record Float8Copy(Tensor Data, Tensor Scale, Tensor Inverse, Tensor Largest, bool Gradient);

/// <summary>A working matrix in e4m3.</summary>
/// <param name="Straight"><c>[out, in]</c>.</param>
/// <param name="Transposed"><c>[in, out]</c>.</param>
/// <param name="Inverse"><c>[1]</c>, what products multiply by.</param>
internal sealed record Float8Weight(Tensor Straight, Tensor Transposed, Tensor Inverse);

/// <summary>Scales of many tensors, one in each row of a buffer of four columns.</summary>
internal sealed record Float8Scales(Tensor Scales, Tensor Inverses, Tensor Largest)
{
    public Float8Scales Part(int first, int count) => new(Scales.narrow(0, first, count), Inverses.narrow(0, first, count), Largest.narrow(0, first, count));
}

/// <summary>Everything that FP8 products need of one encoder: copies of activations and gradients with scales from the microbatches before ("delayed scaling";
/// Micikevicius et al. 2022, arXiv:2209.05433), and of the working matrices with scales of their own.</summary>
/// <remarks>
/// All three products of a matrix are in FP8; the weight gradient reads copies that were transposed, because the tokens must lie innermost. The decoder and
/// attention stay in bfloat16. The first microbatch of a run has no scales: its products stay in the working type while the largest magnitudes are gathered. Scales and magnitudes are part of a checkpoint.
/// </remarks>
internal sealed class Float8State
{
    /// <summary>Binary orders left free above the largest magnitude of the microbatches before.</summary>
    private const int Headroom = 2;

    /// <summary>Share of a largest magnitude that stays from one microbatch to the next: one large value is remembered for some twenty microbatches.</summary>
    private const double Memory = 0.9;

    /// <summary>Names among an optimizer's state: scales and largest magnitudes as <c>[2, 8 L] float32</c>, and microbatches seen as <c>int64</c> (0, 1, or 2 for more).</summary>
    public const string ScalesName = "float8_scales", CountName = "float8_microbatches";

    private static readonly string[] Matrices = ["qkv.weight", "out.weight", "ffn_in.weight", "ffn_out.weight"];

    private readonly Stages _stages;
    private readonly Float8Scales _moving, _weights;
    private readonly Tensor _trained, _kept, _count;
    private readonly int _layers;
    private bool _seen;

    public Float8State(Stages stages, FlatParameters parameters, int tokens)
    {
        EncoderShape s = stages.Shape;
        (_stages, _layers) = (stages, s.Layers);
        int count = 12 * s.Layers; // four activations, four gradients and four matrices a layer
        // Products want scales at multiples of 16 bytes: the first column of four.
        Tensor Column(double value) => stages.View(stages.AllocateFilled(stages.Master, value, count, 4).select(1, 0));
        var all = new Float8Scales(Column(1), Column(1), Column(0));
        Float8Scales Owned(Float8Scales part) => new(stages.View(part.Scales), stages.View(part.Inverses), stages.View(part.Largest));
        _moving = Owned(all.Part(0, 8 * s.Layers));
        _weights = Owned(all.Part(8 * s.Layers, 4 * s.Layers));
        _trained = stages.Allocate(stages.Master, 8 * s.Layers);
        _kept = stages.Allocate(stages.Master, 2, 8 * s.Layers);
        _count = stages.View(zeros([], int64));
        Tensor forward = stages.AllocateFloat8((long)tokens * Math.Max(s.Hidden, s.Half)), gradient = stages.AllocateFloat8((long)tokens * Math.Max(3 * s.Hidden, s.FeedForward));
        GradientTransposed = stages.AllocateFloat8((long)tokens * Math.Max(3 * s.Hidden, s.FeedForward));
        Straight = stages.AllocateFloat8(parameters.Layout.Total);
        Transposed = stages.AllocateFloat8(parameters.Layout.Total);
        Entries = [.. Enumerable.Range(0, s.Layers).SelectMany(l => Matrices.Select(m => parameters.Layout[$"layers.{l}.{m}"]))];
        Float8Copy Copy(int slot, bool isGradient)
        {
            Float8Scales own = Owned(all.Part(slot, 1));
            return new(isGradient ? gradient : forward, own.Scales, own.Inverses, own.Largest, isGradient);
        }

        Layers = [.. Enumerable.Range(0, s.Layers).Select(l =>
        {
            Float8Copy[] x = [.. Enumerable.Range(4 * l, 4).Select(i => Copy(i, false))], d = [.. Enumerable.Range(4 * (s.Layers + l), 4).Select(i => Copy(i, true))];
            Float8Weight[] w = [.. Enumerable.Range(4 * l, 4).Select(i =>
            {
                ParameterLayout.Entry e = Entries[i];
                return new Float8Weight(
                    stages.View(Straight.narrow(0, e.Offset, e.Count)), stages.View(Transposed.narrow(0, e.Offset, e.Count)), stages.View(_weights.Inverses.narrow(0, i, 1)));
            })];
            return new Layer(x[0], x[1], x[2], x[3], d[0], d[1], d[2], d[3], w[0], w[1], w[2], w[3],
                stages.AllocateFloat8((long)tokens * s.Hidden));
        })];
    }

    public Layer[] Layers { get; }

    /// <summary>Matrices that have copies, in the order of their scales.</summary>
    public ParameterLayout.Entry[] Entries { get; }

    /// <summary>Room for one transposed gradient.</summary>
    public Tensor GradientTransposed { get; }

    /// <summary>All matrices in e4m3, at the offsets of the flat parameters.</summary>
    public Tensor Straight { get; }

    /// <summary>The same, each matrix transposed.</summary>
    public Tensor Transposed { get; }

    /// <summary>Scales of the matrices.</summary>
    public Float8Scales WeightScales => _weights;

    /// <summary>Scales exist; until then products stay in the working type.</summary>
    public bool Ready { get; private set; }

    /// <summary>Called before a training microbatch: its scales come from the one before.</summary>
    public void Next()
    {
        if (_seen)
        {
            _stages.Float8Scale(_moving, gradients: 4 * _layers, Headroom, Memory);
            Ready = true;
        }

        _seen = true;
    }

    /// <summary>What goes into a checkpoint; the tensors are filled by the call, and read back by <see cref="Restore"/>.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Kept()
    {
        using var scope = NewDisposeScope();
        _kept[0].copy_(_moving.Scales);
        _kept[1].copy_(_moving.Largest);
        _count.FillInPlace(Ready ? 2 : _seen ? 1 : 0);
        return [new(ScalesName, _kept), new(CountName, _count)];
    }

    /// <summary>Goes on from the tensors of <see cref="Kept"/>, into which a checkpoint's were copied.</summary>
    public void Restore()
    {
        using var scope = NewDisposeScope();
        _moving.Scales.copy_(_kept[0]);
        _moving.Inverses.copy_(_kept[0].reciprocal()); // exact: scales are powers of two
        _moving.Largest.copy_(_kept[1]);
        long count = _count.item<long>();
        (_seen, Ready) = (count > 0, count > 1);
    }

    /// <summary>Does a forward pass that is no part of training: what it sees must not move the scales of the next microbatch, or a run would depend on how often it is measured.</summary>
    public void Aside(Action forward)
    {
        _trained.copy_(_moving.Largest);
        forward();
        _moving.Largest.copy_(_trained);
    }

    /// <summary>Called when other weights were loaded: the scales of before say nothing about them.</summary>
    public void Forget()
    {
        (_seen, Ready) = (false, false);
        _moving.Largest.zero_();
    }

    /// <summary>One layer's copies. The gradients are those of what the feed-forward adds to the stream, of its inner width, of what attention adds, and of queries, keys and values.</summary>
    internal sealed record Layer(
        Float8Copy Norm1, Float8Copy Attended, Float8Copy Norm2, Float8Copy Gated,
        Float8Copy FeedOutGradient, Float8Copy WideGradient, Float8Copy OutGradient, Float8Copy QkvGradient,
        Float8Weight Qkv, Float8Weight Out, Float8Weight In, Float8Weight FeedOut, Tensor AttendedTransposed);
}
