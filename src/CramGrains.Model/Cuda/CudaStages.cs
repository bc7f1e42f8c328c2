using CramGrains.Model.Cuda.Interop;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The stages as kernels of this folder and cuBLASLt products: bfloat16 activations, or float16 ones, and float32 for the rest.</summary>
internal sealed unsafe partial class CudaStages : Stages
{
    private const int RowsPerBlock = 8, SquareBlocks = 1024, PositionBlocks = 256, StagingSlots = 3;

    private readonly CudaDevice _device;
    private readonly Dictionary<string, CudaKernel> _kernels;
    private readonly CudaRecorder _recorder;
    private readonly string? _cacheFolder;
    private readonly int _classes, _headWidth, _type;
    private readonly GemmRunner _products;
    private readonly int _normBlocks, _streamBlocks;
    private readonly Tensor _normPartials, _normOffsets, _squares, _positionPartials, _embeddingPartials;
    private readonly nint[] _staging = new nint[StagingSlots], _stagingFree = new nint[StagingSlots];
    private readonly long _stagingBytes;
    private readonly Tensor? _mixPartials;
    private Tensor? _matrices;
    private Float8State? _matricesOf;
    private ParameterLayout? _normLayout;
    private PlainStages? _plain;
    private int _slot;

    /// <param name="shape">The encoder.</param>
    /// <param name="device">The GPU as libtorch knows it.</param>
    /// <param name="cuda">The GPU.</param>
    /// <param name="tokens">Most tokens of a pass.</param>
    /// <param name="cacheFolder">Where compiled kernels and chosen algorithms are kept; null keeps none.</param>
    /// <param name="headWidth">Width of a classification head, 0 for none.</param>
    /// <param name="classes">Its outputs.</param>
    /// <param name="float8">Also the kernels that write FP8 copies.</param>
    /// <param name="half">float16 in place of bfloat16.</param>
    public CudaStages(EncoderShape shape, Device device, CudaDevice cuda, int tokens, string? cacheFolder, int headWidth = 0, int classes = 0, bool float8 = false, bool half = false) : base(shape, device)
    {
        (_device, _cacheFolder, _headWidth, _classes) = (cuda, cacheFolder, headWidth, classes);
        (Working, _type) = half ? (float16, CublasLt.Float16) : (bfloat16, CublasLt.Bfloat16);
        _recorder = new CudaRecorder(cuda);
        _kernels = new(Load([.. KernelRequests.Of(shape, headWidth, classes), .. KernelRequests.OfSequence(shape, shape.Sequence, headWidth > 0, float8), .. float8 ? KernelRequests.OfFloat8(shape) : []]));
        _products = new GemmRunner(cuda, device, cacheFolder);
        AllocatedBytes += GemmRunner.Bytes;
        // layernorm_backward fits twice on a multiprocessor; the optimizer's kernels eight times.
        (_normBlocks, _streamBlocks) = (2 * cuda.Multiprocessors, 8 * cuda.Multiprocessors);
        _normPartials = Allocate(float32, shape.Norms, _normBlocks, 2, shape.Hidden);
        _normOffsets = Allocate(int64, shape.Norms * 2);
        _mixPartials = shape.ResidualScalars ? Allocate(float32, 2, shape.Layers, _streamBlocks) : null;
        _squares = Allocate(float32, SquareBlocks);
        _positionPartials = Allocate(float32, PositionBlocks);
        _embeddingPartials = Allocate(float32, EmbeddingOrder.MaximumPartials(tokens), shape.Hidden);
        _stagingBytes = 8L * EmbeddingOrder.MaximumPieces(tokens) + (8L * tokens) + (24L * tokens);
        for (int i = 0; i < StagingSlots; i++)
        {
            _staging[i] = (nint)cuda.Driver.HostAllocate(_stagingBytes);
            _stagingFree[i] = cuda.Driver.CreateEvent(timing: false);
        }
    }

    public override ScalarType Working { get; }

    public override ScalarType Master => float32;

    /// <summary>Setting it builds the kernels of that length, once.</summary>
    public override int Sequence
    {
        get => base.Sequence;
        set
        {
            base.Sequence = value;
            if (_kernels is not null && !_kernels.ContainsKey(At("attention_forward")))
            {
                foreach ((string key, CudaKernel kernel) in Load(KernelRequests.OfSequence(Shape, value, _headWidth > 0, float8: false)))
                {
                    _kernels.Add(key, kernel);
                }
            }
        }
    }

    public override void Enter() => _device.Enter();

    public override void Upload(int[] source, int count, Tensor destination)
    {
        long bytes = 4L * count;
        if (bytes > _stagingBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(count), $"A microbatch of {bytes} bytes does not fit into the staging buffer of {_stagingBytes}.");
        }

        _slot = (_slot + 1) % StagingSlots;
        // Waits only when the host is three microbatches ahead of the GPU.
        _device.Driver.Wait(_stagingFree[_slot]);
        source.AsSpan(0, count).CopyTo(new Span<int>((void*)_staging[_slot], count));
        _device.Driver.CopyToDevice(TensorPointer.Of(destination), (void*)_staging[_slot], bytes, 0);
        _device.Driver.Record(_stagingFree[_slot], 0);
    }

    public override void Embedding(Tensor ids, Tensor word, Tensor table, Tensor scale, Tensor output, int rows) =>
        Launch(At("embedding_forward"), Grid.Cover(rows, RowsPerBlock), ids, word, table, scale, output, rows);

    public override void Norm(Tensor x, Tensor weight, Tensor bias, Tensor? y, Tensor mean, Tensor rstd, int rows, Float8Copy? copy = null) => Launch(
        "layernorm_forward" + Copying(copy), Grid.Cover(rows, RowsPerBlock), x, weight, bias, y, mean, rstd, rows, Shape.Epsilon, copy?.Data, copy?.Scale, copy?.Largest);

    public override void NormBackward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor weight, Tensor? residual, Tensor dx, int norm, int rows, Float8Copy? copy = null)
    {
        nint partial = TensorPointer.Of(_normPartials) + (nint)(4L * norm * _normBlocks * 2 * Shape.Hidden);
        Launch("layernorm_backward" + Copying(copy), _normBlocks, dy, x, mean, rstd, weight, residual, dx, partial, rows, copy?.Data, copy?.Scale, copy?.Largest);
    }

    public override void NormGradients(ParameterLayout layout, Tensor gradient, bool accumulate)
    {
        if (!ReferenceEquals(_normLayout, layout))
        {
            _normOffsets.copy_(tensor(layout.Norms.SelectMany(n => new[] { n.Weight.Offset, n.Bias.Offset }).ToArray()));
            _normLayout = layout;
        }

        Launch("column_sums", new Grid((Shape.Hidden + 31) / 32, 2, Shape.Norms), _normPartials, _normOffsets, gradient, _normBlocks, accumulate ? 1 : 0);
    }

    // Row-major matrices are column-major transposed ones: each product below is written for the transposes.
    public override void Linear(Tensor x, Tensor w, Tensor y, Tensor? residual, int rows, int n, int k) =>
        Multiply(new(true, false, n, rows, k, _type, _type, y.dtype == float32 ? CublasLt.Float32 : _type, residual is not null), w, x, residual ?? y, y);

    public override void LinearInputGradient(Tensor dy, Tensor w, Tensor dx, int rows, int n, int k) =>
        Multiply(new(false, false, k, rows, n, _type, _type, _type, false), w, dy, dx, dx);

    public override void LinearWeightGradient(Tensor dy, Tensor x, Tensor dw, bool accumulate, int rows, int n, int k) =>
        Multiply(new(false, true, k, n, rows, _type, _type, CublasLt.Float32, accumulate), x, dy, dw, dw);

    public override void Mix(Tensor x, Tensor start, Tensor residual, Tensor embedding, Tensor y, int layer, int rows)
    {
        int packs = rows * (Shape.Hidden / 8);
        Launch("mix_forward", Grid.Cover(packs, 256), x, start, residual, embedding, y, layer, packs);
    }

    public override void MixBackward(Tensor dy, Tensor x, Tensor start, Tensor residual, Tensor embedding, Tensor dx, Tensor dstart, int layer, int rows) => Launch(
        "mix_backward", _streamBlocks, dy, x, start, residual, embedding, dx, dstart, _mixPartials, layer, Shape.Layers, rows * (Shape.Hidden / 8),
        layer == Shape.Layers - 1 ? 1 : 0, layer == 0 ? 1 : 0);

    public override void MixGradients(Tensor residual, Tensor embedding, bool accumulate)
    {
        nint partials = TensorPointer.Of(_mixPartials!);
        Launch("row_sums", Shape.Layers, partials, residual, _streamBlocks, accumulate ? 1 : 0);
        Launch("row_sums", Shape.Layers, partials + (nint)(4L * Shape.Layers * _streamBlocks), embedding, _streamBlocks, accumulate ? 1 : 0);
    }

    public override void Geglu(Tensor u, Tensor? y, int rows, Float8Copy? copy = null) => Launch(
        "geglu_forward" + Copying(copy), Grid.Cover(rows * (long)Shape.Half / 8, 256), u, y, rows * (Shape.Half / 8), copy?.Data, copy?.Scale, copy?.Largest);

    public override void GegluBackward(Tensor u, Tensor dy, Tensor? du, int rows, Float8Copy? copy = null) => Launch(
        "geglu_backward" + Copying(copy), Grid.Cover(rows * (long)Shape.Half / 8, 256), u, dy, du, rows * (Shape.Half / 8), copy?.Data, copy?.Scale, copy?.Largest);

    public override void Gelu(Tensor x, Tensor y, int rows) => Launch("gelu_forward", Grid.Cover(Packs(rows), 256), x, y, Packs(rows));

    public override void GeluBackward(Tensor x, Tensor dy, Tensor dx, int rows) => Launch("gelu_backward", Grid.Cover(Packs(rows), 256), x, dy, dx, Packs(rows));

    public override void AddRows(Tensor x, Tensor y, int rows) => Launch("add_rows", Grid.Cover(Packs(rows), 256), x, y, Packs(rows));

    private int Packs(int rows) => rows * (Shape.Hidden / 8);

    public override void Gather(Tensor x, Tensor positions, Tensor output, int rows) => Launch("gather_rows", Grid.Cover(rows, RowsPerBlock), x, positions, output, rows);

    public override void Scatter(Tensor input, Tensor positions, Tensor x, int rows, int xRows)
    {
        _device.Driver.Fill32(TensorPointer.Of(x), 0, xRows * (long)Shape.Hidden / 2, _device.Stream);
        Launch("scatter_rows", Grid.Cover(rows, RowsPerBlock), input, positions, x, rows);
    }

    public override void CrossEntropy(Tensor logits, Tensor labels, Tensor losses, float scale, float z, int rows) =>
        Launch("cross_entropy", rows, logits, labels, losses, scale, z);

    public override void Sum(Tensor values, Tensor output, int count, float scale) => Launch("sum_into", 1, values, output, count, scale, 0);

    public override void EmbeddingBackward(Tensor de, EmbeddingIndex index, Tensor gradient, int rows)
    {
        if (index.Pieces > 0)
        {
            Launch("embedding_backward", index.Pieces, de, index.Order, index.Starts, index.Targets, gradient, _embeddingPartials, index.Counts);
        }

        if (index.LongTokens > 0)
        {
            Launch("embedding_long", new Grid(index.LongTokens, (Shape.Hidden + 127) / 128), index.Long, _embeddingPartials, gradient, index.Counts);
        }
    }

    public override void PositionScaleGradient(Tensor de, Tensor table, Tensor gradient, bool accumulate, int rows)
    {
        Launch(At("position_dot"), PositionBlocks, de, table, _positionPartials, rows);
        Launch("sum_into", 1, _positionPartials, gradient, PositionBlocks, 1f, accumulate ? 1 : 0);
    }

    public override void Classify(ClassifierWeights w, ClassifierBuffers b, Tensor? labels, DropoutSite? dropout, int rows)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            "classify", rows, b.Pre, w.DenseBias, w.Weight, w.Bias, labels, drop.State, drop.Site, drop.Threshold, drop.Scale,
            b.Hidden, b.Outputs, b.Losses, b.OutputGradient, rows, b.Regression ? 1 : 0);
    }

    public override void ClassifyBackward(ClassifierWeights w, ClassifierBuffers b, DropoutSite? dropout, int rows)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            "classify_backward", Grid.Cover(b.Width, 64), b.OutputGradient, b.Hidden, w.Weight, drop.State, drop.Site, drop.Threshold, drop.Scale,
            b.PreGradient, w.DenseBiasGradient, w.WeightGradient, w.BiasGradient, rows);
    }

    public override void Zero(Tensor x) => _device.Driver.Fill32(TensorPointer.Of(x), 0, x.numel() * x.ElementSize / 4, _device.Stream);

    public override void Replay((int Rows, int Sequence) key, Action work) => _recorder.Run(key, work);

    public override void AdamW(FlatParameters p, AdamWSettings s, Tensor? norm, Tensor? live)
    {
        long quads = p.Layout.Total / 4;
        if (norm is not null)
        {
            Launch("gradient_squares", SquareBlocks, p.Gradient, _squares, quads);
        }

        Launch(
            "adamw", _streamBlocks, p.Masters, p.Gradient, p.FirstMoment, p.SecondMoment, p.Working, _squares, norm is null ? 0 : SquareBlocks, norm,
            norm is null ? 0f : (float)s.ClipNorm,
            quads, p.Layout.Decayed / 4, (float)s.LearningRate, (float)s.WeightDecay, (float)(1 - s.Beta1), (float)(1 - s.Beta2), (float)s.Epsilon,
            (float)(1 - Math.Pow(s.Beta1, s.Step)), (float)(1 - Math.Pow(s.Beta2, s.Step)), live,
            s.Skipped.From / 4, s.Skipped.To / 4, p.Layout.Scalars / 4, (float)s.ScalarFactor);
    }

    public override void RefreshWorking(FlatParameters p) => Launch("to_working", _streamBlocks, p.Masters, p.Working, p.Layout.Total / 4);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _device.Driver.Synchronize(0);
            _recorder.Dispose();
            _plain?.Dispose();
            _products.Dispose();
            for (int i = 0; i < StagingSlots; i++)
            {
                _device.Driver.HostFree((void*)_staging[i]);
                _device.Driver.DestroyEvent(_stagingFree[i]);
            }
        }

        base.Dispose(disposing);
    }

    private void Multiply(GemmShape shape, Tensor a, Tensor b, Tensor c, Tensor d) =>
        _products.Multiply(shape, TensorPointer.Of(a), TensorPointer.Of(b), shape.Accumulates ? 1 : 0, TensorPointer.Of(c), TensorPointer.Of(d));

    private IReadOnlyDictionary<string, CudaKernel> Load(IEnumerable<KernelRequest> requests) =>
        KernelLibrary.Load(_device, [.. requests.Select(r => Working == float16 ? r with { Macros = [.. r.Macros, ("FP16", 1)] } : r)], _cacheFolder);

    private string At(string kernel) => $"{kernel}.{Sequence}";

    private static string Variant(DropoutSite? dropout, Float8Copy? copy) => dropout is null ? Copying(copy)
        : copy is null ? KernelRequests.Drops : throw new NotSupportedException("There are no attention kernels with both dropout and FP8 copies.");

    private void Launch(string kernel, Grid grid, params ReadOnlySpan<KernelArgument> arguments) => _device.Launch(_kernels[kernel], grid, arguments);
}
