using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>Embedding, layers and norms of the crammed BERT forward and backward, over preallocated buffers; what pretraining and fine-tuning share.</summary>
/// <remarks>
/// T tokens, D hidden size, F feed-forward width. The residual stream and its gradient have the working type. Without dropout a residual rides on the
/// product that is added to it; with dropout a pass of its own adds them.
/// </remarks>
internal sealed class FusedEncoder
{
    private readonly EncoderShape _shape;
    private readonly Stages _stages;
    private readonly FlatParameters _parameters;
    private readonly Activations _a;
    private readonly LayerWeights[] _layers;
    private readonly Tensor _table, _noPositions;
    private Tensor? _branch;

    public FusedEncoder(Stages stages, FlatParameters parameters, Activations activations)
    {
        (_stages, _shape, _parameters, _a) = (stages, stages.Shape, parameters, activations);
        _table = stages.Allocate(stages.Master, _shape.Sequence, _shape.Hidden);
        _noPositions = stages.Allocate(stages.Master, 1).fill_(1);
        _layers = [.. Enumerable.Range(0, _shape.Layers).Select(l => new LayerWeights(_parameters, $"layers.{l}."))];
        FillPositions();
    }

    /// <summary>Dropout sites of an encoder: one after the embedding's norm, three a layer. A head counts on from here.</summary>
    public static int DropoutSites(EncoderShape shape) => 1 + (3 * shape.Layers);

    private Tensor PositionScale => _shape.LearnedPositionScale ? _parameters.Weights["pos_scale"] : _noPositions;

    /// <summary>Fills every activation up to the last stream.</summary>
    /// <param name="ids"><c>[T] int32</c>.</param>
    /// <param name="lengths"><c>[B] int32</c>, real tokens of each row; null when nothing is padded.</param>
    /// <param name="rows">T.</param>
    /// <param name="dropout">The step's dropout; null for none.</param>
    public void Forward(Tensor ids, Tensor? lengths, int rows, DropoutStream? dropout)
    {
        int d = _shape.Hidden, batch = rows / _stages.Sequence;
        _stages.Embedding(ids, _parameters.Product("word.weight"), _table, PositionScale, _a.Embedded, rows);
        Norm(_a.Embedded, _shape.EmbeddingNorm, _a.Stream[0], _a.EmbeddedStatistics, rows);
        if (dropout is not null)
        {
            _stages.Dropout(_a.Stream[0], null, _a.Stream[0], dropout.At(0), rows, d);
        }

        for (int l = 0; l < _shape.Layers; l++)
        {
            (Activations.Layer a, LayerWeights w) = (_a.Layers[l], _layers[l]);
            Norm(_a.Stream[l], 2 * l, a.Norm1, a.Statistics1, rows);
            _stages.Linear(a.Norm1, w.Qkv, a.Qkv, null, rows, 3 * d, d);                                              // [T, 3 D]
            _stages.Attention(a.Qkv, lengths, a.Attended, a.LogSums, batch, dropout?.At(1 + (3 * l)));                // [T, D]
            Add(a.Attended, w.Out, a.Middle, _a.Stream[l], rows, d, dropout?.At(2 + (3 * l)));                        // [T, D]
            Norm(a.Middle, (2 * l) + 1, a.Norm2, a.Statistics2, rows);
            _stages.Linear(a.Norm2, w.In, a.Wide, null, rows, _shape.FeedForward, d);                                 // [T, F]
            _stages.Geglu(a.Wide, a.Gated, rows);                                                                     // [T, F/2]
            Add(a.Gated, w.FeedOut, _a.Stream[l + 1], a.Middle, rows, _shape.Half, dropout?.At(3 + (3 * l)));         // [T, D]
        }
    }

    /// <summary>Gradients of every parameter below the head from the gradient of the last stream, which the caller has put into <see cref="Activations.StreamGradient"/>.</summary>
    /// <param name="index">The microbatch's ids, sorted.</param>
    /// <param name="lengths">As in the forward pass.</param>
    /// <param name="rows">T.</param>
    /// <param name="add">Adds to the flat gradient instead of overwriting it; the word embedding's is always added to.</param>
    /// <param name="dropout">As in the forward pass.</param>
    public void Backward(EmbeddingIndex index, Tensor? lengths, int rows, bool add, DropoutStream? dropout)
    {
        int d = _shape.Hidden, batch = rows / _stages.Sequence;
        Tensor dx = _a.StreamGradient, dn = _a.BranchGradient;
        for (int l = _shape.Layers - 1; l >= 0; l--)
        {
            (Activations.Layer a, LayerWeights w) = (_a.Layers[l], _layers[l]);
            Tensor dy = Dropped(dx, rows, dropout?.At(3 + (3 * l)));
            _stages.LinearInputGradient(dy, w.FeedOut, _a.GatedGradient, rows, d, _shape.Half);
            _stages.LinearWeightGradient(dy, a.Gated, w.FeedOutGradient, add, rows, d, _shape.Half);
            _stages.GegluBackward(a.Wide, _a.GatedGradient, a.Wide, rows);
            _stages.LinearInputGradient(a.Wide, w.In, dn, rows, _shape.FeedForward, d);
            _stages.LinearWeightGradient(a.Wide, a.Norm2, w.InGradient, add, rows, _shape.FeedForward, d);
            NormBackward(dn, a.Middle, (2 * l) + 1, a.Statistics2, dx, dx, rows);
            dy = Dropped(dx, rows, dropout?.At(2 + (3 * l)));
            _stages.LinearInputGradient(dy, w.Out, dn, rows, d, d);
            _stages.LinearWeightGradient(dy, a.Attended, w.OutGradient, add, rows, d, d);
            _stages.AttentionBackward(a.Qkv, lengths, a.Attended, a.LogSums, dn, a.Qkv, batch, dropout?.At(1 + (3 * l)));
            _stages.LinearInputGradient(a.Qkv, w.Qkv, dn, rows, 3 * d, d);
            _stages.LinearWeightGradient(a.Qkv, a.Norm1, w.QkvGradient, add, rows, 3 * d, d);
            NormBackward(dn, _a.Stream[l], 2 * l, a.Statistics1, dx, dx, rows);
        }

        if (dropout is not null)
        {
            _stages.Dropout(dx, null, dx, dropout.At(0), rows, d);
        }

        NormBackward(dx, _a.Embedded, _shape.EmbeddingNorm, _a.EmbeddedStatistics, null, dx, rows);
        _stages.EmbeddingBackward(dx, index, _parameters.Gradients("word.weight"), rows);
        if (_shape.LearnedPositionScale)
        {
            _stages.PositionScaleGradient(dx, _table, _parameters.Gradients("pos_scale"), add, rows);
        }

        _stages.NormGradients(_parameters.Layout, _parameters.Gradient, add);
    }

    /// <summary>One of the encoder's norms, by its number in <see cref="ParameterLayout.Norms"/>.</summary>
    public void Norm(Tensor x, int norm, Tensor y, Activations.Statistics s, int rows)
    {
        (ParameterLayout.Entry weight, ParameterLayout.Entry bias) = _parameters.Layout.Norms[norm];
        _stages.Norm(x, _parameters.Weights[weight.Name], _parameters.Weights[bias.Name], y, s.Mean, s.Deviation, rows);
    }

    /// <summary>Its gradient; that of weight and bias waits until the end of <see cref="Backward"/>.</summary>
    public void NormBackward(Tensor dy, Tensor x, int norm, Activations.Statistics s, Tensor? residual, Tensor dx, int rows) =>
        _stages.NormBackward(dy, x, s.Mean, s.Deviation, _parameters.Weights[_parameters.Layout.Norms[norm].Weight.Name], residual, dx, norm, rows);

    /// <summary>y = residual + dropout(x w^T)</summary>
    private void Add(Tensor x, Tensor w, Tensor y, Tensor residual, int rows, int k, DropoutSite? site)
    {
        _stages.Linear(x, w, y, site is null ? residual : null, rows, _shape.Hidden, k);
        if (site is { } drop)
        {
            _stages.Dropout(y, residual, y, drop, rows, _shape.Hidden);
        }
    }

    /// <summary>The gradient of a branch before its dropout; without dropout that of the stream itself.</summary>
    private Tensor Dropped(Tensor dx, int rows, DropoutSite? site)
    {
        if (site is not { } drop)
        {
            return dx;
        }

        _branch ??= _stages.Allocate(_stages.Working, dx.shape);
        _stages.Dropout(dx, null, _branch, drop, rows, _shape.Hidden);
        return _branch;
    }

    /// <summary>Sine in even columns, cosine in odd ones (Vaswani et al. 2017, section 3.5).</summary>
    private void FillPositions()
    {
        using var scope = NewDisposeScope();
        Tensor frequency = (arange(0, _shape.Hidden, 2, float32) * (-Math.Log(10000.0) / _shape.Hidden)).exp(); // [D/2]
        Tensor angle = arange(_shape.Sequence, dtype: float32).unsqueeze(1) * frequency;                         // [S, D/2]
        _table.copy_(stack([angle.sin(), angle.cos()], -1).view(_shape.Sequence, _shape.Hidden));
    }

    /// <summary>One layer's working matrices and their gradients.</summary>
    private sealed class LayerWeights(FlatParameters p, string prefix)
    {
        public Tensor Qkv { get; } = p.Product(prefix + "qkv.weight");

        public Tensor Out { get; } = p.Product(prefix + "out.weight");

        public Tensor In { get; } = p.Product(prefix + "ffn_in.weight");

        public Tensor FeedOut { get; } = p.Product(prefix + "ffn_out.weight");

        public Tensor QkvGradient { get; } = p.Gradients(prefix + "qkv.weight");

        public Tensor OutGradient { get; } = p.Gradients(prefix + "out.weight");

        public Tensor InGradient { get; } = p.Gradients(prefix + "ffn_in.weight");

        public Tensor FeedOutGradient { get; } = p.Gradients(prefix + "ffn_out.weight");
    }
}
