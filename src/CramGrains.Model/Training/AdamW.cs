using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>A parameter with its accumulated gradient; the tensors live as long as the engine.</summary>
/// <param name="Name">State-dict name.</param>
/// <param name="Value">Float32 master weights.</param>
/// <param name="Gradient">Float32, of the same shape.</param>
internal sealed record TrainedParameter(string Name, Tensor Value, Tensor Gradient);

/// <summary>AdamW with decay on matrices and embeddings only (the paper's groups): what has one dimension (norms, biases, the position scale) does not decay.
/// Residual scalars may have a learning rate of their own.</summary>
internal sealed class AdamW : IDisposable
{
    private readonly OptimizerRecipe _recipe;
    private readonly Group[] _groups;
    private readonly Tensor _step;
    private readonly Dictionary<string, Tensor> _state = [];

    /// <param name="parameters">All that this optimizer trains.</param>
    /// <param name="recipe">Learning rate, decays and epsilon.</param>
    public AdamW(IReadOnlyList<TrainedParameter> parameters, OptimizerRecipe recipe)
    {
        _recipe = recipe;
        _step = zeros(1, device: parameters[0].Value.device).squeeze(0).DetachFromDisposeScope();
        _groups =
        [
            MakeGroup([.. parameters.Where(parameter => parameter.Value.dim() > 1)], recipe.LearningRate, recipe.WeightDecay),
            MakeGroup([.. parameters.Where(parameter => parameter.Value.dim() <= 1 && !CrammedBert.IsScalar(parameter.Name))], recipe.LearningRate, 0),
            MakeGroup([.. parameters.Where(parameter => CrammedBert.IsScalar(parameter.Name))], recipe.ScalarLearningRate ?? recipe.LearningRate, 0),
        ];
    }

    /// <summary>Moments by name, <c>exp_avg/NAME</c> and <c>exp_avg_sq/NAME</c>.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>Applies one step.</summary>
    /// <param name="number">1 for the first step of the run: the bias corrections need it.</param>
    /// <param name="factor">Schedule value, multiplied into the peak learning rate.</param>
    public void Step(long number, double factor)
    {
        _step.FillInPlace(number);
        foreach (var group in _groups.Where(group => group.Parameters.Length > 0))
        {
            MultiTensor.AdamW(
                group.Parameters, group.Gradients, group.First, group.Second, group.Steps,
                group.Rate * factor, _recipe.Beta1, _recipe.Beta2, group.Decay, _recipe.Epsilon);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _step.Dispose();
        foreach (var tensor in _state.Values)
        {
            tensor.Dispose();
        }
    }

    private Group MakeGroup(TrainedParameter[] parameters, double rate, double decay)
    {
        Tensor[] Moments(string kind) => [.. parameters.Select(parameter => _state[$"{kind}/{parameter.Name}"] = zeros_like(parameter.Gradient).DetachFromDisposeScope())];
        return new(
            [.. parameters.Select(parameter => parameter.Value)], [.. parameters.Select(parameter => parameter.Gradient)],
            Moments("exp_avg"), Moments("exp_avg_sq"), [.. parameters.Select(_ => _step)], rate, decay);
    }

    private sealed record Group(Tensor[] Parameters, Tensor[] Gradients, Tensor[] First, Tensor[] Second, Tensor[] Steps, double Rate, double Decay);
}
