using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>Muon (Jordan et al. 2024): Nesterov momentum, then each hidden matrix's update is made nearly orthogonal by five Newton-Schulz steps; and NorMuon
/// (Li et al. 2025, arXiv:2510.05491), which then evens out its rows.</summary>
/// <remarks>
/// Query, key and value are orthogonalised apart. Matrices of one kind are stacked over the L layers, so a step is a few batched products.
/// Both engines step with this class: on a GPU its products are bfloat16, all else is float32.
/// </remarks>
internal sealed class Muon : IDisposable
{
    private static readonly string[] Kinds = ["qkv.weight", "out.weight", "ffn_in.weight", "ffn_out.weight"];

    private readonly OptimizerRecipe _recipe;
    private readonly List<Group> _groups = [];
    private readonly Dictionary<string, Tensor> _state = [];

    /// <param name="matrices">Hidden matrices, those for which <see cref="Takes"/> is true.</param>
    /// <param name="recipe">Muon's learning rate, momentum and decay.</param>
    public Muon(IReadOnlyList<TrainedParameter> matrices, OptimizerRecipe recipe)
    {
        _recipe = recipe;
        foreach (string kind in Kinds)
        {
            TrainedParameter[] group = [.. matrices.Where(matrix => matrix.Name.EndsWith($".{kind}", StringComparison.Ordinal))];
            long columns = group[0].Gradient.shape[1];
            Tensor momentum = NewState("momentum", group, columns); // [L, R, C]
            Tensor? moments = recipe.Kind == OptimizerKind.NorMuon ? NewState("row_moment", group, 1) : null; // [L, R, 1]
            _groups.Add(new(group, momentum, moments, kind == Kinds[0] ? 3 : 1));
        }
    }

    /// <summary>Momentum by name, <c>momentum/NAME</c>, and NorMuon's second moments of rows, <c>row_moment/NAME</c>.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>True for the matrices of the layers; embeddings, norms and the head stay with AdamW.</summary>
    public static bool Takes(string name) =>
        name.StartsWith("layers.", StringComparison.Ordinal) && Kinds.Any(kind => name.EndsWith($".{kind}", StringComparison.Ordinal));

    /// <summary>The momentum of a step: rising linearly from its start, where there is one.</summary>
    /// <param name="recipe">The optimizer.</param>
    /// <param name="number">1 for the first step of the run.</param>
    public static double Momentum(OptimizerRecipe recipe, long number)
    {
        if (recipe is not { MuonMomentumStart: { } start, MuonMomentumSteps: { } steps })
        {
            return recipe.MuonMomentum;
        }

        return start + ((recipe.MuonMomentum - start) * Math.Min(1, (number - 1) / (double)steps));
    }

    /// <summary>Applies one step.</summary>
    /// <param name="number">1 for the first step of the run: a rising momentum needs it.</param>
    /// <param name="factor">Schedule value, multiplied into the peak learning rate.</param>
    /// <param name="clip">What gradients are to be multiplied by first, a scalar on their device; null where they are clipped already.</param>
    public void Step(long number, double factor, Tensor? clip = null)
    {
        double rate = _recipe.MuonLearningRate!.Value * factor, keep = Momentum(_recipe, number);
        double decay = rate * _recipe.MuonWeightDecay * (_recipe.MuonDecayFollowsSchedule ? factor : 1);
        foreach (Group group in _groups)
        {
            using var scope = NewDisposeScope();
            var gradient = stack(group.Matrices.Select(matrix => matrix.Gradient)); // [L, R, C]
            if (clip is not null)
            {
                gradient.mul_(clip);
            }

            group.Momentum.lerp_(gradient, 1 - keep); // its number becomes a tensor, which the scope holds
            var update = gradient.lerp_(group.Momentum, keep); // Nesterov's look ahead, in place of the stacked copy
            long rows = update.shape[1] / group.Parts, columns = update.shape[2];
            var orthogonal = Orthogonalize(update.view(-1, rows, columns)); // by parts: [3 L, R / 3, C]
            if (group.RowMoments is { } moments)
            {
                EvenRows(orthogonal, moments.view(-1, rows, 1), _recipe.NorMuonBeta2 ?? OptimizerRecipe.DefaultNorMuonBeta2);
            }

            orthogonal = orthogonal.view(update.shape);
            double scale = Math.Sqrt(Math.Max(1, (double)rows / columns));
            for (int i = 0; i < group.Matrices.Length; i++)
            {
                Tensor value = group.Matrices[i].Value, step = orthogonal[i];
                if (_recipe.MuonCautiousDecay)
                {
                    value.mul_((value * step).ge(Numbers.Zero).to(value.dtype).MultiplyInPlace(-decay).Plus(1)); // a weight's decay and its step both go against its sign there
                }
                else
                {
                    value.MultiplyInPlace(1 - decay);
                }

                value.AddInPlace(step, -rate * scale);
            }
        }
    }

    /// <summary>NorMuon's second half: each row is divided by the root of its running mean square, then the matrix gets its Frobenius norm back.</summary>
    /// <param name="matrices"><c>[N, R, C] float32</c>, changed in place.</param>
    /// <param name="moments"><c>[N, R, 1] float32</c>, changed in place; zero before the first step, and not corrected for that, since a common factor falls out.</param>
    /// <param name="beta2">Decay of the moments.</param>
    internal static void EvenRows(Tensor matrices, Tensor moments, double beta2)
    {
        const double Tiny = 1e-10; // an empty row stays empty
        using var scope = NewDisposeScope();
        var squares = matrices.Squared().mean([2], keepdim: true); // [N, R, 1]
        moments.MultiplyInPlace(beta2).AddInPlace(squares, 1 - beta2);
        var by = moments.sqrt().Plus(Tiny).reciprocal(); // [N, R, 1]
        // Both norms from the rows' mean squares, without another pass over the matrices; C falls out.
        var before = squares.sum([1], keepdim: true).sqrt();
        var after = (squares * by.Squared()).sum([1], keepdim: true).sqrt(); // [N, 1, 1]
        matrices.mul_(by * (before / after.Plus(Tiny)));
    }

    /// <summary>Moves the singular values of each matrix near to one, by a quintic iteration.</summary>
    /// <param name="matrices"><c>[N, R, C] float32</c>.</param>
    /// <returns><c>[N, R, C] float32</c>.</returns>
    internal static Tensor Orthogonalize(Tensor matrices)
    {
        const float A = 3.4445f, B = -4.7750f, C = 2.0315f; // the steepest at zero that still stays near one
        using var scope = NewDisposeScope();
        bool tall = matrices.shape[1] > matrices.shape[2];
        var x = matrices / MultiTensor.MatrixNorms(matrices).Plus(1e-7);
        x = x.to(matrices.device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32); // the iteration needs no more than bfloat16
        x = tall ? x.mT : x;
        for (int i = 0; i < 5; i++)
        {
            var gram = x.bmm(x.mT); // [N, R, R]
            // Sums ride on the products. TorchSharp 0.107 takes the tensor itself for the first factor and the last argument for what is added, whatever it calls them.
            x = gram.baddbmm(gram, gram, beta: B, alpha: C).baddbmm(x, x, beta: A, alpha: 1);
        }

        return (tall ? x.mT : x).to(ScalarType.Float32).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Group group in _groups)
        {
            group.Momentum.Dispose();
            group.RowMoments?.Dispose();
        }

        foreach (var view in _state.Values)
        {
            view.Dispose();
        }
    }

    /// <summary>State of all matrices of a group as one tensor of zeros, with a view of each by name.</summary>
    private Tensor NewState(string what, TrainedParameter[] group, long columns)
    {
        var all = zeros([group.Length, group[0].Gradient.shape[0], columns], device: group[0].Gradient.device).DetachFromDisposeScope();
        for (int i = 0; i < group.Length; i++)
        {
            _state[$"{what}/{group[i].Name}"] = all[i].DetachFromDisposeScope();
        }

        return all;
    }

    private sealed record Group(TrainedParameter[] Matrices, Tensor Momentum, Tensor? RowMoments, int Parts);
}
