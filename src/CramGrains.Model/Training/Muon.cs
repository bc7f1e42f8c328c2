using CramGrains.Model.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>Muon (Jordan et al. 2024): Nesterov momentum, then each hidden matrix's update is made nearly orthogonal by five Newton-Schulz steps.</summary>
/// <remarks>Query, key and value are orthogonalised apart. Matrices of one kind are stacked over the L layers, so a step is a few batched products.</remarks>
internal sealed class Muon : IDisposable
{
    private static readonly string[] Kinds = ["qkv.weight", "out.weight", "ffn_in.weight", "ffn_out.weight"];

    private readonly OptimizerRecipe _recipe;
    private readonly List<(TrainedParameter[] Matrices, Tensor Momentum, int Parts)> _groups = [];
    private readonly Dictionary<string, Tensor> _state = [];

    /// <param name="matrices">Hidden matrices, those for which <see cref="Takes"/> is true.</param>
    /// <param name="recipe">Muon's learning rate, momentum and decay.</param>
    public Muon(IReadOnlyList<TrainedParameter> matrices, OptimizerRecipe recipe)
    {
        _recipe = recipe;
        foreach (string kind in Kinds)
        {
            TrainedParameter[] group = [.. matrices.Where(matrix => matrix.Name.EndsWith($".{kind}", StringComparison.Ordinal))];
            var momentum = zeros([group.Length, .. group[0].Gradient.shape], device: group[0].Gradient.device).DetachFromDisposeScope(); // [L, R, C]
            for (int i = 0; i < group.Length; i++)
            {
                _state[$"momentum/{group[i].Name}"] = momentum[i].DetachFromDisposeScope();
            }

            _groups.Add((group, momentum, kind == Kinds[0] ? 3 : 1));
        }
    }

    /// <summary>Momentum by name, <c>momentum/NAME</c>.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>True for the matrices of the layers; embeddings, norms and the head stay with AdamW.</summary>
    public static bool Takes(string name) =>
        name.StartsWith("layers.", StringComparison.Ordinal) && Kinds.Any(kind => name.EndsWith($".{kind}", StringComparison.Ordinal));

    /// <summary>Applies one step.</summary>
    /// <param name="factor">Schedule value, multiplied into the peak learning rate.</param>
    /// <param name="clip">What gradients are to be multiplied by first, a scalar on their device; null where they are clipped already.</param>
    public void Step(double factor, Tensor? clip = null)
    {
        double rate = _recipe.MuonLearningRate!.Value * factor;
        foreach (var (matrices, momentum, parts) in _groups)
        {
            using var scope = NewDisposeScope();
            var gradient = stack(matrices.Select(matrix => matrix.Gradient)); // [L, R, C]
            if (clip is not null)
            {
                gradient.mul_(clip);
            }

            momentum.mul_(_recipe.MuonMomentum).add_(gradient, 1 - _recipe.MuonMomentum);
            var update = gradient * (1 - _recipe.MuonMomentum) + momentum * _recipe.MuonMomentum;
            long rows = update.shape[1] / parts, columns = update.shape[2];
            var orthogonal = Orthogonalize(update.view(-1, rows, columns)).view(update.shape); // by parts: [3 L, R / 3, C]
            double scale = Math.Sqrt(Math.Max(1, (double)rows / columns));
            for (int i = 0; i < matrices.Length; i++)
            {
                matrices[i].Value.mul_(1 - rate * _recipe.MuonWeightDecay).add_(orthogonal[i], -rate * scale);
            }
        }
    }

    /// <summary>Moves the singular values of each matrix near to one, by a quintic iteration.</summary>
    /// <param name="matrices"><c>[N, R, C] float32</c>.</param>
    /// <returns><c>[N, R, C] float32</c>.</returns>
    internal static Tensor Orthogonalize(Tensor matrices)
    {
        const double A = 3.4445, B = -4.7750, C = 2.0315; // the steepest at zero that still stays near one
        using var scope = NewDisposeScope();
        bool tall = matrices.shape[1] > matrices.shape[2];
        var x = matrices / (linalg.vector_norm(matrices, dims: [1, 2], keepdim: true) + 1e-7);
        x = x.to(matrices.device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32); // the iteration needs no more than bfloat16
        x = tall ? x.mT : x;
        for (int i = 0; i < 5; i++)
        {
            var gram = x.bmm(x.mT); // [N, R, R]
            x = A * x + (B * gram + C * gram.bmm(gram)).bmm(x);
        }

        return (tall ? x.mT : x).to(ScalarType.Float32).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, momentum, _) in _groups)
        {
            momentum.Dispose();
        }

        foreach (var view in _state.Values)
        {
            view.Dispose();
        }
    }
}
