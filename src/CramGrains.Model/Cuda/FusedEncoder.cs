using CramGrains.Model.Modules;
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
    private readonly Float8State? _float8;
    private readonly Tensor _table, _angles, _noPositions;
    private readonly (Tensor Weights, Tensor Gradient)? _residual, _embedding;
    private Tensor? _branch;

    public FusedEncoder(Stages stages, FlatParameters parameters, Activations activations, Float8State? float8 = null)
    {
        _float8 = float8;
        (_stages, _shape, _parameters, _a) = (stages, stages.Shape, parameters, activations);
        _table = stages.Allocate(stages.Master, _shape.Sequence, _shape.Hidden);
        _angles = stages.Allocate(stages.Master, 2, _shape.Sequence, _shape.HeadSize / 2);
        // Rotary positions leave the embedding alone.
        _noPositions = stages.AllocateFilled(stages.Master, _shape.Rotary ? 0 : 1, 1);
        _layers = [.. Enumerable.Range(0, _shape.Layers).Select(l => new LayerWeights(_parameters, $"layers.{l}."))];
        if (_shape.ResidualScalars)
        {
            (Tensor, Tensor) Scalars(string name) => (_parameters.Weights[name], _parameters.Gradients(name));
            (_residual, _embedding) = (Scalars(CrammedBert.ResidualScalars), Scalars(CrammedBert.EmbeddingScalars));
        }

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
        int d = _shape.Hidden, f = _shape.FeedForward, half = _shape.Half, batch = rows / _stages.Sequence;
        bool narrow = _float8 is { Ready: true };
        _stages.Embedding(ids, _parameters.Product("word.weight"), _table, PositionScale, _a.Embedded, rows);
        Norm(_a.Embedded, _shape.EmbeddingNorm, _a.Stream[0], _a.EmbeddedStatistics, rows);
        if (dropout is not null)
        {
            _stages.Dropout(_a.Stream[0], null, _a.Stream[0], dropout.At(0), rows, d);
        }

        for (int l = 0; l < _shape.Layers; l++)
        {
            (Activations.Layer a, LayerWeights w, Float8State.Layer? q) = (_a.Layers[l], _layers[l], _float8?.Layers[l]);
            if (a.Mixed is not null)
            {
                _stages.Mix(_a.Stream[l], _a.Stream[0], _residual!.Value.Weights, _embedding!.Value.Weights, a.Mixed, l, rows);               // [T, D]
            }

            Tensor input = Input(l);
            if (_shape.AttentionNorm(l) is { } norm)
            {
                Norm(input, norm, narrow ? null : a.Norm1, a.Statistics1, rows, q?.Norm1);
            }
            else if (q is not null)
            {
                _stages.Copy8(input, q.Norm1, rows, d);
            }

            Product(Normed(l), q?.Norm1, a.Norm1, w.Qkv, q?.Qkv, a.Qkv, null, rows, 3 * d, d);                                           // [T, 3 D]
            if (_shape.TurnsHeads)
            {
                _stages.TurnHeads(a.Qkv, _angles, a.HeadScales, rows);
            }

            _stages.Attention(a.Qkv, lengths, a.Attended, a.LogSums, batch, dropout?.At(1 + (3 * l)), q?.Attended);                    // [T, D]
            Add(a.Attended, q?.Attended, q?.AttendedTransposed, w.Out, q?.Out, a.Middle, input, rows, d, dropout?.At(2 + (3 * l)));         // [T, D]
            Norm(a.Middle, _shape.FeedForwardNorm(l), narrow ? null : a.Norm2, a.Statistics2, rows, q?.Norm2);
            Product(a.Norm2, q?.Norm2, a.Norm2, w.In, q?.In, a.Wide, null, rows, f, d);                                                // [T, F]
            _stages.Geglu(a.Wide, narrow ? null : a.Gated, rows, q?.Gated);                                                            // [T, F/2]
            Add(a.Gated, q?.Gated, a.Gated, w.FeedOut, q?.FeedOut, _a.Stream[l + 1], a.Middle, rows, half, dropout?.At(3 + (3 * l)));  // [T, D]
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
        int d = _shape.Hidden, f = _shape.FeedForward, half = _shape.Half, batch = rows / _stages.Sequence;
        bool narrow = _float8 is { Ready: true };
        Tensor dx = _a.StreamGradient, dn = _a.BranchGradient;
        if (_float8 is not null)
        {
            _stages.Copy8(dx, _float8.Layers[^1].FeedOutGradient, rows, d);
        }

        for (int l = _shape.Layers - 1; l >= 0; l--)
        {
            (Activations.Layer a, LayerWeights w, Float8State.Layer? q) = (_a.Layers[l], _layers[l], _float8?.Layers[l]);
            Tensor dy = Dropped(dx, rows, dropout?.At(3 + (3 * l)));
            Gradients(dy, q?.FeedOutGradient, a.Gated, q?.Gated, a.Gated, w.FeedOut, q?.FeedOut, _a.GatedGradient, w.FeedOutGradient, add, rows, d, half);
            _stages.GegluBackward(a.Wide, _a.GatedGradient, narrow ? null : a.Wide, rows, q?.WideGradient);
            Gradients(a.Wide, q?.WideGradient, a.Norm2, q?.Norm2, a.Norm2, w.In, q?.In, dn, w.InGradient, add, rows, f, d);
            NormBackward(dn, a.Middle, _shape.FeedForwardNorm(l), a.Statistics2, dx, dx, rows, q?.OutGradient);
            dy = Dropped(dx, rows, dropout?.At(2 + (3 * l)));
            Gradients(dy, q?.OutGradient, a.Attended, q?.Attended, q?.AttendedTransposed, w.Out, q?.Out, dn, w.OutGradient, add, rows, d, d);
            Tensor dqkv = _a.QkvGradient ?? a.Qkv;
            bool turns = _shape.TurnsHeads;
            _stages.AttentionBackward(
                a.Qkv, lengths, a.Attended, a.LogSums, dn, narrow && !turns ? null : dqkv, batch, dropout?.At(1 + (3 * l)), turns ? null : q?.QkvGradient);
            if (turns)
            {
                _stages.TurnHeadsBackward(a.Qkv, dqkv, _angles, a.HeadScales, rows);
                if (q is not null)
                {
                    _stages.Copy8(dqkv, q.QkvGradient, rows, 3 * d);
                }
            }

            Gradients(dqkv, q?.QkvGradient, Normed(l), q?.Norm1, a.Norm1, w.Qkv, q?.Qkv, dn, w.QkvGradient, add, rows, 3 * d, d);
            Float8Copy? below = l > 0 ? _float8?.Layers[l - 1].FeedOutGradient : null;
            if (_shape.AttentionNorm(l) is { } norm)
            {
                NormBackward(dn, Input(l), norm, a.Statistics1, dx, dx, rows, a.Mixed is null ? below : null);
            }
            else
            {
                _stages.AddRows(dx, dn, rows); // of the first layer, below which there is no FP8 product
            }

            if (a.Mixed is not null)
            {
                _stages.MixBackward(dx, _a.Stream[l], _a.Stream[0], _residual!.Value.Weights, _embedding!.Value.Weights, dx, _a.StartGradient!, l, rows);
                if (below is not null)
                {
                    _stages.Copy8(dx, below, rows, d);
                }
            }
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

        if (_residual is var (_, residualGradient) && _embedding is var (_, embeddingGradient))
        {
            _stages.MixGradients(residualGradient, embeddingGradient, add);
        }

        _stages.NormGradients(_parameters.Layout, _parameters.Gradient, add);
    }

    /// <summary>What a layer reads: the stream, or what residual scalars have made of it.</summary>
    private Tensor Input(int layer) => _a.Layers[layer].Mixed ?? _a.Stream[layer];

    /// <summary>What a layer's attention reads: its input after the norm, where it has one.</summary>
    private Tensor Normed(int layer) => _shape.AttentionNorm(layer) is null ? Input(layer) : _a.Layers[layer].Norm1;

    /// <summary>One of the encoder's norms, by its number in <see cref="ParameterLayout.Norms"/>.</summary>
    public void Norm(Tensor x, int norm, Tensor? y, Activations.Statistics s, int rows, Float8Copy? copy = null)
    {
        (ParameterLayout.Entry weight, ParameterLayout.Entry bias) = _parameters.Layout.Norms[norm];
        _stages.Norm(x, _parameters.Weights[weight.Name], _parameters.Weights[bias.Name], y, s.Mean, s.Deviation, rows, copy);
    }

    /// <summary>Its gradient; that of weight and bias waits until the end of <see cref="Backward"/>.</summary>
    public void NormBackward(Tensor dy, Tensor x, int norm, Activations.Statistics s, Tensor? residual, Tensor dx, int rows, Float8Copy? copy = null) =>
        _stages.NormBackward(dy, x, s.Mean, s.Deviation, _parameters.Weights[_parameters.Layout.Norms[norm].Weight.Name], residual, dx, norm, rows, copy);

    /// <summary>y = residual + dropout(x w^T)</summary>
    private void Add(Tensor x, Float8Copy? copy, Tensor? transposed, Tensor w, Float8Weight? narrow, Tensor y, Tensor residual, int rows, int k, DropoutSite? site)
    {
        Product(x, copy, transposed, w, narrow, y, site is null ? residual : null, rows, _shape.Hidden, k);
        if (site is { } drop)
        {
            _stages.Dropout(y, residual, y, drop, rows, _shape.Hidden);
        }
    }

    /// <summary>A forward product. In FP8 it leaves the transposed copy that the weight gradient will read; that takes the place of x itself where nothing else reads x.</summary>
    private void Product(Tensor x, Float8Copy? copy, Tensor? transposed, Tensor w, Float8Weight? narrow, Tensor y, Tensor? residual, int rows, int n, int k)
    {
        if (_float8 is not { Ready: true })
        {
            _stages.Linear(x, w, y, residual, rows, n, k);
            return;
        }

        _stages.Linear8(copy!, narrow!, y, residual, rows, n, k);
        _stages.Transpose8(copy!, transposed!, rows, k);
    }

    /// <summary>The gradients at a product's input and at its matrix.</summary>
    private void Gradients(
        Tensor dy, Float8Copy? dyCopy, Tensor x, Float8Copy? xCopy, Tensor? xTransposed, Tensor w, Float8Weight? narrow, Tensor dx, Tensor dw, bool add, int rows, int n, int k)
    {
        if (_float8 is not { Ready: true } state)
        {
            _stages.LinearInputGradient(dy, w, dx, rows, n, k);
            _stages.LinearWeightGradient(dy, x, dw, add, rows, n, k);
            return;
        }

        _stages.LinearInputGradient8(dyCopy!, narrow!, dx, rows, n, k);
        _stages.Transpose8(dyCopy!, state.GradientTransposed, rows, n);
        _stages.LinearWeightGradient8(state.GradientTransposed, dyCopy!, xTransposed!, xCopy!, dw, add, rows, n, k);
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

    /// <summary>Sine in even columns, cosine in odd ones (Vaswani et al. 2017, section 3.5); and the angles of rotary positions.</summary>
    private void FillPositions()
    {
        using var scope = NewDisposeScope();
        Tensor frequency = (arange(0, _shape.Hidden, 2, float32) * (-Math.Log(10000.0) / _shape.Hidden)).exp(); // [D/2]
        Tensor angle = arange(_shape.Sequence, dtype: float32).unsqueeze(1) * frequency;                         // [S, D/2]
        _table.copy_(stack([angle.sin(), angle.cos()], -1).view(_shape.Sequence, _shape.Hidden));
        (Tensor cosine, Tensor sine) = Positions.Rotary(_shape.Sequence, _shape.HeadSize);
        _angles.copy_(stack([cosine, sine]).narrow(2, 0, _shape.HeadSize / 2));
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
