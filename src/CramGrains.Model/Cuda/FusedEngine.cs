using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The fast engine for the crammed BERT (paper section 4): explicit forward and backward passes over preallocated buffers, without autograd.</summary>
/// <remarks>Differs from the plain model: the residual stream and its gradient are bfloat16; only masked rows go through the final norm.</remarks>
public sealed partial class FusedEngine : IPretrainingEngine
{
    private readonly EncoderShape _shape;
    private readonly Stages _stages;
    private readonly FlatParameters _parameters;
    private readonly Activations _a;
    private readonly DeviceMicrobatch _batch;
    private readonly EmbeddingOrder _order;
    private readonly OptimizerRecipe _optimizer;
    private readonly LayerWeights[] _layers;
    private readonly Tensor _table, _noPositions, _loss, _norm, _stepTensor;
    private readonly double _clip;
    private readonly float _zLoss;
    private readonly int _tokens, _masked, _headChunk, _maskedMultiple;
    private long _steps;
    private bool _gradientsHold;

    internal FusedEngine(Stages stages, TrainingRecipe training, int rows, int maximumMasked, int headChunk, int maskedMultiple)
    {
        (_stages, _shape, _optimizer) = (stages, stages.Shape, training.Optimizer);
        (_clip, _zLoss) = (training.GradientClipNorm, (float)training.ZLoss);
        (_tokens, _masked, _maskedMultiple) = (rows * _shape.Sequence, maximumMasked, maskedMultiple);
        _headChunk = Math.Min(headChunk, maximumMasked);
        _parameters = new FlatParameters(stages, new ParameterLayout(_shape));
        _a = new Activations(stages, _tokens, maximumMasked, _headChunk);
        _batch = new DeviceMicrobatch(stages, _tokens, maximumMasked);
        _order = new EmbeddingOrder(_shape.Vocabulary, _tokens);
        _table = stages.Allocate(stages.Master, _shape.Sequence, _shape.Hidden);
        _noPositions = stages.Allocate(stages.Master, 1).fill_(1);
        _loss = stages.Allocate(stages.Master);
        _norm = stages.Allocate(stages.Master);
        _stepTensor = stages.View(zeros([], int64));
        _layers = [.. Enumerable.Range(0, _shape.Layers).Select(l => new LayerWeights(_parameters, $"layers.{l}."))];
        FillPositions();
    }

    /// <inheritdoc/>
    public string Name => "fused";

    /// <inheritdoc/>
    public Device Device => _stages.Device;

    /// <summary>Bytes of all buffers on the device; nothing is allocated later, so this is the peak.</summary>
    public long AllocatedBytes => _stages.AllocatedBytes;

    /// <inheritdoc/>
    public Tensor Accumulate(MaskedMicrobatch microbatch, double scale)
    {
        ArgumentNullException.ThrowIfNull(microbatch);
        using var scope = NewDisposeScope();
        int rows = Begin(microbatch, _order);
        Forward(rows);
        Head(microbatch.MaskedCount, (float)scale);
        Backward(rows);
        _gradientsHold = true;
        return _loss.clone().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Evaluate(MaskedMicrobatch microbatch)
    {
        ArgumentNullException.ThrowIfNull(microbatch);
        using var scope = NewDisposeScope();
        int rows = Begin(microbatch, order: null);
        Forward(rows);
        Head(microbatch.MaskedCount, scale: 0);
        return _loss.clone().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Step(double learningRateFactor)
    {
        using var scope = NewDisposeScope();
        _stages.Enter();
        if (!_gradientsHold)
        {
            _parameters.Gradient.zero_();
        }

        _steps++;
        _stages.AdamW(
            _parameters,
            new(_optimizer.LearningRate * learningRateFactor, _optimizer.Beta1, _optimizer.Beta2, _optimizer.Epsilon, _optimizer.WeightDecay, _clip, _steps),
            _norm);
        // The next microbatch overwrites the gradients instead of adding to them, so they need no clearing.
        _gradientsHold = false;
        return _norm.clone().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _stages.Dispose();

    /// <summary>Accumulated gradients by name, for tests.</summary>
    internal Tensor GradientOf(string name) => _parameters.Gradients(name);

    private Tensor PositionScale => _shape.LearnedPositionScale ? _parameters.Weights["pos_scale"] : _noPositions;

    private int Begin(MaskedMicrobatch microbatch, EmbeddingOrder? order)
    {
        if (microbatch.SequenceLength != _shape.Sequence || microbatch.Rows * _shape.Sequence > _tokens || microbatch.MaskedCount > _masked || microbatch.MaskedCount < 1)
        {
            throw new ArgumentException(
                $"This engine takes up to {_tokens / _shape.Sequence} rows of {_shape.Sequence} tokens with 1 to {_masked} masked positions, got {microbatch.Rows} rows of "
                + $"{microbatch.SequenceLength} with {microbatch.MaskedCount}. Create the engine for the recipe that makes these microbatches.",
                nameof(microbatch));
        }

        _stages.Enter();
        _batch.Send(_stages, microbatch, order, _maskedMultiple);
        return microbatch.Rows * _shape.Sequence;
    }

    private void Forward(int rows)
    {
        int d = _shape.Hidden;
        _stages.Embedding(_batch.Ids, _parameters.Product("word.weight"), _table, PositionScale, _a.Embedded, rows);
        Norm(_a.Embedded, _shape.EmbeddingNorm, _a.Stream[0], _a.EmbeddedStatistics, rows);
        for (int l = 0; l < _shape.Layers; l++)
        {
            (Activations.Layer a, LayerWeights w) = (_a.Layers[l], _layers[l]);
            Norm(_a.Stream[l], 2 * l, a.Norm1, a.Statistics1, rows);
            _stages.Linear(a.Norm1, w.Qkv, a.Qkv, null, rows, 3 * d, d);                            // [T, 3 D]
            _stages.Attention(a.Qkv, null, a.Attended, a.LogSums, rows / _shape.Sequence);          // [T, D]
            _stages.Linear(a.Attended, w.Out, a.Middle, _a.Stream[l], rows, d, d);
            Norm(a.Middle, (2 * l) + 1, a.Norm2, a.Statistics2, rows);
            _stages.Linear(a.Norm2, w.In, a.Wide, null, rows, _shape.FeedForward, d);               // [T, F]
            _stages.Geglu(a.Wide, a.Gated, rows);                                                   // [T, F/2]
            _stages.Linear(a.Gated, w.FeedOut, _a.Stream[l + 1], a.Middle, rows, d, _shape.Half);   // [T, D]
        }
    }

    /// <summary>Loss over the masked rows; with a scale, also the gradient of the rows before the final norm and of the tied decoder.</summary>
    private void Head(int used, float scale)
    {
        int masked = _batch.MaskedRows, d = _shape.Hidden, v = _shape.Vocabulary;
        Tensor word = _parameters.Product("word.weight");
        _stages.Gather(_a.Stream[^1], _batch.Positions, _a.Gathered, masked);
        Norm(_a.Gathered, _shape.FinalNorm, _a.GatheredNorm, _a.FinalStatistics, masked);
        for (int first = 0; first < masked; first += _headChunk)
        {
            int rows = Math.Min(_headChunk, masked - first);
            Tensor x = _a.GatheredNorm.narrow(0, first, rows);
            _stages.Linear(x, word, _a.Logits, null, rows, v, d);                                   // [C, V]
            _stages.CrossEntropy(_a.Logits, _batch.Labels.narrow(0, first, rows), _a.Losses.narrow(0, first, rows), scale / used, _zLoss, rows);
            if (scale != 0)
            {
                _stages.LinearWeightGradient(_a.Logits, x, _parameters.Gradients("word.weight"), _gradientsHold || first > 0, rows, v, d);
                _stages.LinearInputGradient(_a.Logits, word, _a.GatheredGradient.narrow(0, first, rows), rows, v, d);
            }
        }

        _stages.Sum(_a.Losses, _loss, masked, 1f / used);
    }

    private void Backward(int rows)
    {
        int d = _shape.Hidden, batch = rows / _shape.Sequence;
        bool add = _gradientsHold;
        Tensor dx = _a.StreamGradient, dn = _a.BranchGradient;
        NormBackward(_a.GatheredGradient, _a.Gathered, _shape.FinalNorm, _a.FinalStatistics, null, _a.GatheredGradient, _batch.MaskedRows);
        _stages.Scatter(_a.GatheredGradient, _batch.Positions, dx, _batch.MaskedRows, rows);
        for (int l = _shape.Layers - 1; l >= 0; l--)
        {
            (Activations.Layer a, LayerWeights w) = (_a.Layers[l], _layers[l]);
            _stages.LinearInputGradient(dx, w.FeedOut, _a.GatedGradient, rows, d, _shape.Half);
            _stages.LinearWeightGradient(dx, a.Gated, w.FeedOutGradient, add, rows, d, _shape.Half);
            _stages.GegluBackward(a.Wide, _a.GatedGradient, a.Wide, rows);
            _stages.LinearInputGradient(a.Wide, w.In, dn, rows, _shape.FeedForward, d);
            _stages.LinearWeightGradient(a.Wide, a.Norm2, w.InGradient, add, rows, _shape.FeedForward, d);
            NormBackward(dn, a.Middle, (2 * l) + 1, a.Statistics2, dx, dx, rows);
            _stages.LinearInputGradient(dx, w.Out, dn, rows, d, d);
            _stages.LinearWeightGradient(dx, a.Attended, w.OutGradient, add, rows, d, d);
            _stages.AttentionBackward(a.Qkv, null, a.Attended, a.LogSums, dn, a.Qkv, batch);
            _stages.LinearInputGradient(a.Qkv, w.Qkv, dn, rows, 3 * d, d);
            _stages.LinearWeightGradient(a.Qkv, a.Norm1, w.QkvGradient, add, rows, 3 * d, d);
            NormBackward(dn, _a.Stream[l], 2 * l, a.Statistics1, dx, dx, rows);
        }

        NormBackward(dx, _a.Embedded, _shape.EmbeddingNorm, _a.EmbeddedStatistics, null, dx, rows);
        _stages.EmbeddingBackward(dx, _batch, _order, _parameters.Gradients("word.weight"), rows);
        if (_shape.LearnedPositionScale)
        {
            _stages.PositionScaleGradient(dx, _table, _parameters.Gradients("pos_scale"), add, rows);
        }

        _stages.NormGradients(_parameters.Gradient, add);
    }

    private void Norm(Tensor x, int norm, Tensor y, Activations.Statistics s, int rows)
    {
        (ParameterLayout.Entry weight, ParameterLayout.Entry bias) = _parameters.Layout.Norms[norm];
        _stages.Norm(x, _parameters.Weights[weight.Name], _parameters.Weights[bias.Name], y, s.Mean, s.Deviation, rows);
    }

    private void NormBackward(Tensor dy, Tensor x, int norm, Activations.Statistics s, Tensor? residual, Tensor dx, int rows) =>
        _stages.NormBackward(dy, x, s.Mean, s.Deviation, _parameters.Weights[_parameters.Layout.Norms[norm].Weight.Name], residual, dx, norm, rows);

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
