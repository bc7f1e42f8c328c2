using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>AdamW over what a fine-tuning trains: the encoder and the new head, not the masked-language-model head that came with the weights.</summary>
internal sealed class FineTuningOptimizer : IDisposable
{
    private readonly TrainedParameter[] _parameters;
    private readonly Tensor[] _gradients;
    private readonly AdamW _adamW;
    private readonly double _peak;
    private readonly LossScale? _lossScale;
    private long _steps;

    public FineTuningOptimizer(FineTuningRecipe recipe, CrammedBert bert, ClassificationHead head)
    {
        using var scope = NewDisposeScope();
        _parameters = [.. PlainFineTuningEngine.Weights(bert, head).Where(named => !IsPretrainingHead(named.Key)).Select(named => Attach(named.Key, named.Value))];
        _gradients = [.. _parameters.Select(parameter => parameter.Gradient)];
        _peak = recipe.LearningRate;
        _lossScale = bert.ComputeType == ScalarType.Float16 ? new() : null;
        _adamW = new(_parameters, new(OptimizerKind.AdamW, _peak, recipe.Beta1, recipe.Beta2, recipe.Epsilon, recipe.WeightDecay));
    }

    /// <summary>What a loss is multiplied by before its gradients are taken: 1 but for float16.</summary>
    public double LossFactor => _lossScale?.Value ?? 1;

    /// <summary>Applies and clears the gradients; with float16, those that overflowed are only cleared.</summary>
    public void Step(double learningRate)
    {
        using var frozen = no_grad();
        if (_lossScale is not null)
        {
            using var norm = MultiTensor.GlobalNorm(_gradients);
            if (_lossScale.Settle(norm) is not { } factor)
            {
                MultiTensor.Zero(_gradients);
                return;
            }

            MultiTensor.Scale(_gradients, factor);
        }

        _adamW.Step(++_steps, learningRate / _peak);
        MultiTensor.Zero(_gradients);
    }

    public void Dispose()
    {
        _adamW.Dispose();
        _lossScale?.Dispose();
        foreach (var parameter in _parameters)
        {
            parameter.Value.Dispose();
            parameter.Gradient.Dispose();
        }
    }

    private static bool IsPretrainingHead(string name) =>
        name.StartsWith("bert.head.", StringComparison.Ordinal) || name.StartsWith("bert.decoder.", StringComparison.Ordinal);

    // The gradient is made once; autograd adds to it in place, so this handle stays good.
    private static TrainedParameter Attach(string name, Tensor parameter)
    {
        parameter.grad = zeros_like(parameter);
        return new(name, parameter.detach().DetachFromDisposeScope(), parameter.grad!.DetachFromDisposeScope());
    }
}
