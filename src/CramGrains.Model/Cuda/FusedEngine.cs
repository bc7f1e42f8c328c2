using CramGrains.Model.Data;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The fast engine for the crammed BERT (paper section 4): explicit forward and backward passes over preallocated buffers, without autograd.</summary>
/// <remarks>Differs from the plain model: the residual stream and its gradient are bfloat16 (or float16); only masked rows go through the final norm.</remarks>
public sealed partial class FusedEngine : IPretrainingEngine
{
    private readonly EncoderShape _shape;
    private readonly Stages _stages;
    private readonly FlatParameters _parameters;
    private readonly Activations _a;
    private readonly DeviceMicrobatch _batch;
    private readonly EmbeddingOrder _order;
    private readonly OptimizerRecipe _optimizer;
    private readonly FusedEncoder _encoder;
    private readonly Float8State? _float8;
    private readonly Muon? _muon;
    private readonly LossScale? _lossScale;
    private readonly Tensor _loss, _norm, _stepTensor;
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
        _float8 = training.Precision == PrecisionKind.Float8 ? new Float8State(stages, _parameters, _tokens) : null;
        _encoder = new FusedEncoder(stages, _parameters, _a, _float8);
        _muon = _optimizer.UsesMuon ? new Muon([.. Matrices()], _optimizer) : null;
        _lossScale = stages.Working == float16 ? new() : null;
        _loss = stages.Allocate(stages.Master);
        _norm = stages.AllocateFilled(stages.Master, 0);
        _stepTensor = stages.View(zeros([], int64));
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
        _float8?.Next();
        _encoder.Forward(_batch.Index.Ids, null, rows, dropout: null);
        Head(microbatch.MaskedCount, (float)(scale * LossFactor));
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
        void Forward() => _encoder.Forward(_batch.Index.Ids, null, rows, dropout: null);
        if (_float8 is null)
        {
            Forward();
        }
        else
        {
            _float8.Aside(Forward);
        }

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

        if (_lossScale is not null)
        {
            if (_lossScale.Settle(_parameters.Gradient.norm()) is not { } factor)
            {
                _gradientsHold = false;
                return _norm.clone().MoveToOuterDisposeScope();
            }

            _parameters.Gradient.MultiplyInPlace(factor);
        }

        _steps++;
        var settings = new AdamWSettings(
            _optimizer.LearningRate * learningRateFactor, _optimizer.Beta1, _optimizer.Beta2, _optimizer.Epsilon, _optimizer.WeightDecay, _clip, _steps)
        {
            ScalarFactor = (_optimizer.ScalarLearningRate ?? _optimizer.LearningRate) / _optimizer.LearningRate,
        };
        if (_muon is null)
        {
            _stages.AdamW(_parameters, settings, _norm, live: null);
        }
        else
        {
            using var frozen = no_grad();
            _stages.AdamW(_parameters, settings with { Skipped = _parameters.Layout.LayerMatrices }, _norm, live: null);
            _muon.Step(_steps, learningRateFactor, _clip > 0 ? _norm.Plus(1e-6).reciprocal().MultiplyInPlace(_clip).AtMost(1) : null);
            _stages.RefreshWorking(_parameters);
        }

        QuantizeWeights();
        // The next microbatch overwrites the gradients instead of adding to them, so they need no clearing.
        _gradientsHold = false;
        return _norm.clone().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _muon?.Dispose();
        _lossScale?.Dispose();
        _stages.Dispose();
    }

    /// <summary>Accumulated gradients by name, for tests; multiplied by <see cref="LossFactor"/>.</summary>
    internal Tensor GradientOf(string name) => _parameters.Gradients(name);

    /// <summary>What losses are multiplied by before their gradients are taken: 1 but for float16.</summary>
    internal double LossFactor => _lossScale?.Value ?? 1;

    private IEnumerable<TrainedParameter> Matrices() => _parameters.Layout.Entries.Where(e => Muon.Takes(e.Name))
        .Select(e => new TrainedParameter(e.Name, _parameters.Weights[e.Name], _parameters.Gradients(e.Name)));

    private void QuantizeWeights()
    {
        if (_float8 is not null)
        {
            _stages.Float8Weights(_parameters, _float8);
        }
    }

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

    /// <summary>Loss over the masked rows; with a scale, also the gradient of the rows before the final norm and of the tied decoder.</summary>
    private void Head(int used, float scale)
    {
        int masked = _batch.MaskedRows, d = _shape.Hidden, v = _shape.Vocabulary;
        Tensor word = _parameters.Product("word.weight");
        _stages.Gather(_a.Stream[^1], _batch.Positions, _a.Gathered, masked);
        _encoder.Norm(_a.Gathered, _shape.FinalNorm, _a.GatheredNorm, _a.FinalStatistics, masked);
        Tensor read = _a.GatheredNorm;
        if (_a.Transform is { } transform)
        {
            _stages.Linear(_a.GatheredNorm, _parameters.Product("head.dense.weight"), transform.Dense, null, masked, d, d); // [M, D]
            _stages.Gelu(transform.Dense, transform.Active, masked);
            _encoder.Norm(transform.Active, _shape.HeadNorm, transform.Normed, transform.Statistics, masked);
            read = transform.Normed;
        }

        for (int first = 0; first < masked; first += _headChunk)
        {
            int rows = Math.Min(_headChunk, masked - first);
            Tensor x = read.narrow(0, first, rows);
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
        int masked = _batch.MaskedRows, d = _shape.Hidden;
        Tensor gradient = _a.GatheredGradient;
        if (_a.Transform is { } transform)
        {
            _encoder.NormBackward(gradient, transform.Active, _shape.HeadNorm, transform.Statistics, null, gradient, masked);
            _stages.GeluBackward(transform.Dense, gradient, gradient, masked);
            _stages.LinearWeightGradient(gradient, _a.GatheredNorm, _parameters.Gradients("head.dense.weight"), _gradientsHold, masked, d, d);
            _stages.LinearInputGradient(gradient, _parameters.Product("head.dense.weight"), transform.Normed, masked, d, d); // nothing reads the normed rows any more
            gradient = transform.Normed;
        }

        _encoder.NormBackward(gradient, _a.Gathered, _shape.FinalNorm, _a.FinalStatistics, null, _a.GatheredGradient, masked);
        _stages.Scatter(_a.GatheredGradient, _batch.Positions, _a.StreamGradient, _batch.MaskedRows, rows);
        _encoder.Backward(_batch.Index, null, rows, _gradientsHold, dropout: null);
    }
}
