using CramGrains.Model.Data;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>The plain engine: <see cref="CrammedBert"/> under autograd, any architecture on any device; the reference for every other engine.</summary>
public sealed class EagerEngine : IPretrainingEngine
{
    private readonly TrainingRecipe _training;
    private readonly CrammedBert _model;
    private readonly TrainedParameter[] _parameters;
    private readonly Tensor[] _gradients;
    private readonly Dictionary<string, Tensor> _weights;
    private readonly AdamW _adamW;
    private readonly Muon? _muon;
    private readonly LossScale? _lossScale;
    private Tensor _step;
    private float _norm;

    /// <summary>Makes the engine with fresh weights from the recipe's seed.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="device">Where to train.</param>
    /// <exception cref="NotSupportedException">The recipe asks for FP8.</exception>
    public EagerEngine(Recipe recipe, int vocabularySize, Device device)
    {
        using var scope = NewDisposeScope();
        _training = recipe.Training;
        Device = device;
        _model = new CrammedBert(recipe.Architecture, vocabularySize, recipe.Corpus.SequenceLength, recipe.Seed)
        {
            ComputeType = Precision.ComputeType(recipe.Training.Precision, device),
        };
        _lossScale = _model.ComputeType == ScalarType.Float16 ? new() : null;
        _model.to(device);
        _model.train();

        // Gradients are made once and zeroed after each step; autograd adds to them in place, so these handles stay good.
        _parameters = [.. _model.named_parameters().Select(named => Attach(named.name, named.parameter))];
        _gradients = [.. _parameters.Select(parameter => parameter.Gradient)];
        _weights = _parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Value);
        bool muon = recipe.Training.Optimizer.UsesMuon;
        _adamW = new([.. _parameters.Where(parameter => !muon || !Muon.Takes(parameter.Name))], recipe.Training.Optimizer);
        _muon = muon ? new([.. _parameters.Where(parameter => Muon.Takes(parameter.Name))], recipe.Training.Optimizer) : null;
        _step = zeros(1, ScalarType.Int64).squeeze(0).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public string Name => "eager";

    /// <inheritdoc/>
    public Device Device { get; }

    /// <summary>Accumulated gradients by state-dict name, for comparisons between engines; valid until the next step.</summary>
    internal IReadOnlyDictionary<string, Tensor> Gradients => _parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Gradient);

    /// <inheritdoc/>
    public Tensor Accumulate(MaskedMicrobatch microbatch, double scale)
    {
        using var scope = NewDisposeScope();
        var (ids, positions, labels) = ToDevice(microbatch);
        var logits = _model.MaskedLogits(ids, positions); // [M, V]
        var loss = nn.functional.cross_entropy(logits, labels);
        var objective = _training.ZLoss > 0 ? loss.Plus(logits.logsumexp(-1).Squared().mean().Times(_training.ZLoss)) : loss;
        objective.Times(scale * (_lossScale?.Value ?? 1)).backward();
        return loss.detach().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Step(double learningRateFactor)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var norm = MultiTensor.GlobalNorm(_gradients);
        if (_lossScale is not null)
        {
            if (_lossScale.Settle(norm) is not { } factor)
            {
                MultiTensor.Zero(_gradients);
                return tensor(_norm, device: Device).MoveToOuterDisposeScope();
            }

            MultiTensor.Scale(_gradients, factor);
            norm = norm.Times(factor);
            _norm = norm.item<float>();
        }

        if (_training.GradientClipNorm > 0)
        {
            MultiTensor.Clip(_gradients, norm, _training.GradientClipNorm);
        }

        long number = _step.item<long>() + 1; // on the CPU: no sync
        _step.FillInPlace(number);
        _adamW.Step(number, learningRateFactor);
        _muon?.Step(number, learningRateFactor);
        MultiTensor.Zero(_gradients);
        return norm.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Evaluate(MaskedMicrobatch microbatch)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        _model.eval();
        try
        {
            var (ids, positions, labels) = ToDevice(microbatch);
            return _model.MaskedLoss(ids, positions, labels).MoveToOuterDisposeScope();
        }
        finally
        {
            _model.train();
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Weights() => _weights;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> OptimizerState()
    {
        var state = new Dictionary<string, Tensor>(_adamW.State) { ["step"] = _step };
        foreach (var (name, value) in _muon?.State ?? new Dictionary<string, Tensor>())
        {
            state[name] = value;
        }

        if (_lossScale is not null)
        {
            state[LossScale.StateName] = _lossScale.State;
        }

        return state;
    }

    /// <inheritdoc/>
    public void Load(IReadOnlyDictionary<string, Tensor> weights, IReadOnlyDictionary<string, Tensor> optimizerState)
    {
        TensorSet.Copy("weights", weights, Weights());
        TensorSet.Copy("optimizer state", optimizerState, OptimizerState());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _adamW.Dispose();
        _muon?.Dispose();
        _lossScale?.Dispose();
        _step.Dispose();
        foreach (var parameter in _parameters)
        {
            parameter.Value.Dispose();
            parameter.Gradient.Dispose();
        }

        _model.Dispose();
    }

    private static TrainedParameter Attach(string name, Tensor parameter)
    {
        parameter.grad = zeros_like(parameter);
        return new(name, parameter.detach().DetachFromDisposeScope(), parameter.grad!.DetachFromDisposeScope());
    }

    private (Tensor Ids, Tensor Positions, Tensor Labels) ToDevice(MaskedMicrobatch microbatch)
    {
        int masked = microbatch.MaskedCount;
        var ids = tensor(microbatch.Ids, ScalarType.Int64, Device).view(microbatch.Rows, microbatch.SequenceLength); // [B, S]
        return (ids, tensor(microbatch.Positions[..masked], ScalarType.Int64, Device), tensor(microbatch.Labels[..masked], ScalarType.Int64, Device));
    }
}
