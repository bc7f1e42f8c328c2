using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>The encoder and its masked-language-model head, of any shape that <see cref="ArchitectureRecipe"/> names (Cramming, section 4.2).</summary>
/// <remarks>
/// B rows, S tokens per row, D hidden size, K head size, V vocabulary, M masked positions, L layers.
/// Precision is decided here alone: parameters are float32; activations have <see cref="ComputeType"/>, into which each use casts its weights;
/// norm statistics, logits and loss are float32. Names of parameters are those of the PyTorch peer, so weights move either way.
/// Differs: without padding inside a row, as pretraining rows are, no attention mask is made at all.
/// Its methods leave intermediate tensors to the caller's dispose scope, because autograd may still need them; open one around each pass.
/// </remarks>
public sealed class CrammedBert : nn.Module
{
    /// <summary>Names of the residual scalars, <c>[L] float32</c> each: what multiplies the stream, and what multiplies the embeddings.</summary>
    internal const string ResidualScalars = "residual_scalars", EmbeddingScalars = "embedding_scalars";

    private readonly ArchitectureRecipe _architecture;

    [ComponentName(Name = "word")]
    private readonly Embedding _word;

    [ComponentName(Name = "pos_scale")]
    private readonly Parameter? _positionScale;

    [ComponentName(Name = "positions")]
    private readonly Embedding? _positions;

    [ComponentName(Name = "segments")]
    private readonly Embedding? _segments;

    [ComponentName(Name = "emb_norm")]
    private readonly Normalization? _embeddingNorm;

    [ComponentName(Name = ResidualScalars)]
    private readonly Parameter? _residualScalars;

    [ComponentName(Name = EmbeddingScalars)]
    private readonly Parameter? _embeddingScalars;

    [ComponentName(Name = "layers")]
    private readonly ModuleList<EncoderLayer> _layers;

    [ComponentName(Name = "final_norm")]
    private readonly Normalization? _finalNorm;

    [ComponentName(Name = "head")]
    private readonly HeadTransform? _head;

    [ComponentName(Name = "decoder")]
    private readonly Decoder _decoder;

    // Fixed tables on the device of the last call; they are no part of the state.
    private Tensor? _sinusoids;
    private (Tensor Cosine, Tensor Sine)? _rotary;

    /// <summary>Makes a model with fresh weights, on the CPU.</summary>
    /// <param name="architecture">The shape.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="maximumLength">Longest row (S) that it will be given.</param>
    /// <param name="seed">Seed of the starting weights.</param>
    public CrammedBert(ArchitectureRecipe architecture, int vocabularySize, int maximumLength, int seed = 0) : base(nameof(CrammedBert))
    {
        using var outside = NewDisposeScope();
        using var initial = new Initializer(architecture, seed);
        int d = architecture.HiddenSize;
        _architecture = architecture;
        MaximumLength = maximumLength;
        VocabularySize = vocabularySize;
        DropoutProbability = architecture.Dropout;

        _word = nn.Embedding(vocabularySize, d, padding_idx: SpecialTokens.Pad);
        _word.weight = initial.Matrix(vocabularySize, d, initial.InputStd);
        using (no_grad())
        {
            _word.weight[SpecialTokens.Pad].zero_();
        }

        if (architecture.Positions == PositionKind.ScaledSinusoidal)
        {
            _positionScale = new Parameter(tensor([(float)(1 / Math.Sqrt(d))]));
        }
        else if (architecture.Positions == PositionKind.Learned)
        {
            _positions = nn.Embedding(maximumLength, d);
            _positions.weight = initial.Matrix(maximumLength, d, initial.InputStd);
        }

        if (architecture.SegmentTypes > 0)
        {
            _segments = nn.Embedding(architecture.SegmentTypes, d);
            _segments.weight = initial.Matrix(architecture.SegmentTypes, d, initial.InputStd);
        }

        if (architecture.ResidualScalars)
        {
            (_residualScalars, _embeddingScalars) = (new Parameter(ones(architecture.Layers)), new Parameter(zeros(architecture.Layers)));
        }

        _embeddingNorm = architecture.EmbeddingNorm ? new(architecture) : null;
        _layers = nn.ModuleList(Enumerable.Range(0, architecture.Layers).Select(layer => new EncoderLayer(architecture, initial, layer == 0)).ToArray());
        _finalNorm = architecture.FinalNorm ? new(architecture) : null;
        _head = architecture.HeadTransform ? new(architecture, initial) : null;
        _decoder = new(architecture, vocabularySize, initial);
        RegisterComponents();
        foreach (var parameter in parameters())
        {
            parameter.DetachFromDisposeScope(); // the model owns them from here on
        }
    }

    /// <summary>Longest row that the model takes.</summary>
    public int MaximumLength { get; }

    /// <summary>Entries of the vocabulary.</summary>
    public int VocabularySize { get; }

    /// <summary>Type of the activations and matrix products; float32 or bfloat16.</summary>
    public ScalarType ComputeType { get; set; } = ScalarType.Float32;

    /// <summary>Dropout on embeddings, attention and both sublayers while the model is in training mode.</summary>
    public double DropoutProbability { get; set; }

    /// <summary>Encodes rows of tokens.</summary>
    /// <param name="ids"><c>[B, S] int64</c>, on the model's device, in [0, V).</param>
    /// <param name="attentionMask"><c>[B, S] bool</c>, true for real tokens; null when there is no padding.</param>
    /// <param name="segments"><c>[B, S] int64</c>, the segment of each token in [0, <see cref="ArchitectureRecipe.SegmentTypes"/>); null puts all into segment 0.
    /// A model without a segment table does not tell segments apart and ignores them.</param>
    /// <returns><c>[B, S, D]</c> of <see cref="ComputeType"/>, on the model's device.</returns>
    /// <exception cref="ArgumentException">The rows are longer than <see cref="MaximumLength"/>.</exception>
    public Tensor Encode(Tensor ids, Tensor? attentionMask, Tensor? segments = null)
    {
        long s = ids.shape[1];
        if (s > MaximumLength)
        {
            throw new ArgumentException($"A row has {s} tokens, but the model was made for rows of at most {MaximumLength}.", nameof(ids));
        }

        double dropout = training ? DropoutProbability : 0;
        var x = Embed(ids, segments); // [B, S, D]
        x = _embeddingNorm?.forward(x) ?? x;
        x = EncoderLayer.Drop(x, dropout);
        var mask = attentionMask?.unsqueeze(1).unsqueeze(1); // [B, 1, 1, S]
        var rotary = RotaryTable(s, ids.device);
        var start = x;
        foreach (var (index, layer) in _layers.Index())
        {
            x = layer.Forward(Mix(x, start, index), mask, rotary, dropout);
        }

        return _finalNorm?.forward(x) ?? x;
    }

    /// <summary>Logits at some positions only (sparse prediction): the decoder is the largest matrix, and other positions have no loss.</summary>
    /// <param name="ids"><c>[B, S] int64</c>.</param>
    /// <param name="positions"><c>[M] int64</c>, flat indices into <paramref name="ids"/>.</param>
    /// <returns><c>[M, V] float32</c>.</returns>
    public Tensor MaskedLogits(Tensor ids, Tensor positions)
    {
        var x = Encode(ids, null).view(-1, _architecture.HiddenSize).index_select(0, positions); // [M, D]
        return _decoder.forward(_head?.forward(x) ?? x, _word.weight!); // [M, V]
    }

    /// <summary>Logits at every position of padded rows, for filling masks.</summary>
    /// <param name="ids"><c>[B, S] int64</c>.</param>
    /// <param name="attentionMask"><c>[B, S] bool</c>, true for real tokens; null when there is no padding.</param>
    /// <param name="segments"><c>[B, S] int64</c>; null puts all into segment 0.</param>
    /// <returns><c>[B, S, V] float32</c>; at padding without meaning.</returns>
    public Tensor Logits(Tensor ids, Tensor? attentionMask, Tensor? segments = null)
    {
        var x = Encode(ids, attentionMask, segments); // [B, S, D]
        return _decoder.forward(_head?.forward(x) ?? x, _word.weight!); // [B, S, V]
    }

    /// <summary>The mean cross-entropy over the masked positions.</summary>
    /// <param name="ids"><c>[B, S] int64</c>.</param>
    /// <param name="positions"><c>[M] int64</c>, flat indices into <paramref name="ids"/>.</param>
    /// <param name="labels"><c>[M] int64</c>, the original ids there.</param>
    /// <returns>A float32 scalar in nats, with gradients.</returns>
    public Tensor MaskedLoss(Tensor ids, Tensor positions, Tensor labels) => nn.functional.cross_entropy(MaskedLogits(ids, positions), labels);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _sinusoids?.Dispose();
            _rotary?.Cosine.Dispose();
            _rotary?.Sine.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Whether a parameter is one of the residual scalars, by its name.</summary>
    internal static bool IsScalar(string name) => name is ResidualScalars or EmbeddingScalars;

    /// <summary>A layer's input of the stream and of the embeddings, in float32, so that the scalars' gradients are too.</summary>
    private Tensor Mix(Tensor x, Tensor start, int layer) => _residualScalars is null ? x
        : (_residualScalars[layer] * x.to(ScalarType.Float32)).Plus(_embeddingScalars![layer] * start.to(ScalarType.Float32)).to(ComputeType); // [B, S, D]

    private Tensor Embed(Tensor ids, Tensor? segments)
    {
        var x = _word.forward(ids); // [B, S, D] float32
        if (_positions is not null)
        {
            x = x.Plus(_positions.weight!.narrow(0, 0, ids.shape[1]));
        }
        else if (_architecture.Positions is PositionKind.Sinusoidal or PositionKind.ScaledSinusoidal)
        {
            var table = SinusoidTable(ids.shape[1], ids.device);
            x = x.Plus(_positionScale is null ? table : _positionScale * table);
        }

        if (_segments is not null)
        {
            x = x.Plus(segments is null ? _segments.weight![0] : _segments.forward(segments));
        }

        return x.to(ComputeType);
    }

    private Tensor SinusoidTable(long length, Device device)
    {
        if (_sinusoids is null || _sinusoids.device != device)
        {
            _sinusoids?.Dispose();
            _sinusoids = Positions.Sinusoids(MaximumLength, _architecture.HiddenSize).to(device).DetachFromDisposeScope();
        }

        return _sinusoids.narrow(0, 0, length);
    }

    private (Tensor Cosine, Tensor Sine)? RotaryTable(long length, Device device)
    {
        if (_architecture.Positions != PositionKind.Rotary)
        {
            return null;
        }

        if (_rotary is null || _rotary.Value.Cosine.device != device)
        {
            _rotary?.Cosine.Dispose();
            _rotary?.Sine.Dispose();
            var (cosine, sine) = Positions.Rotary(MaximumLength, _architecture.HiddenSize / _architecture.Heads);
            _rotary = (cosine.to(device).DetachFromDisposeScope(), sine.to(device).DetachFromDisposeScope());
        }

        return (_rotary.Value.Cosine.narrow(0, 0, length), _rotary.Value.Sine.narrow(0, 0, length));
    }
}
