using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

public sealed class MuonTests : IDisposable
{
    private static readonly OptimizerRecipe Optimizer = new(OptimizerKind.Muon, 1e-3, 0.9, 0.98, 1e-12, 0.01, MuonLearningRate: 0.02);

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(16, 16)]
    [InlineData(48, 16)]
    [InlineData(16, 48)]
    public void Orthogonalize_AnyMatrix_BringsSingularValuesNearOne(int rows, int columns)
    {
        using var generator = new Generator(3);
        var matrices = randn([4, rows, columns], generator: generator);
        var values = linalg.svdvals(Muon.Orthogonalize(matrices));
        Assert.InRange(values.min().item<float>(), 0.3f, 1.3f);
        Assert.InRange(values.max().item<float>(), 0.3f, 1.3f);
    }

    [Fact]
    public void Step_HiddenMatrices_FollowTheFormulaOfThePeer()
    {
        // One layer, one step, written out: momentum from zero, Nesterov, orthogonal by parts, decay, scaled step.
        var names = new[] { ("qkv", 24, 8), ("out", 8, 8), ("ffn_in", 32, 8), ("ffn_out", 8, 16) };
        TrainedParameter[] parameters = [.. names.Select(n => new TrainedParameter($"layers.0.{n.Item1}.weight", randn(n.Item2, n.Item3), randn(n.Item2, n.Item3)))];
        var before = parameters.ToDictionary(p => p.Name, p => p.Value.clone());
        using var muon = new Muon(parameters, Optimizer);
        muon.Step(0.5);
        foreach (var parameter in parameters)
        {
            var nesterov = parameter.Gradient * (0.05 + 0.95 * 0.05); // (1 - m) g + m ((1 - m) g)
            int parts = parameter.Name.Contains("qkv", StringComparison.Ordinal) ? 3 : 1;
            long rows = nesterov.shape[0] / parts, columns = nesterov.shape[1];
            var update = Muon.Orthogonalize(nesterov.view(parts, rows, columns)).view(nesterov.shape) * Math.Sqrt(Math.Max(1.0, (double)rows / columns));
            Assert.True(Goldens.RelativeError(before[parameter.Name] * (1 - 0.01 * 0.01) - update * 0.01, parameter.Value) < 1e-5, parameter.Name);
        }
    }

    [Fact]
    public void Engine_WithMuon_KeepsEmbeddingsAndNormsWithAdamW()
    {
        var recipe = TestRecipes.Tiny(optimizer: Optimizer);
        using var engine = new EagerEngine(recipe, 64, CPU);
        var state = engine.OptimizerState().Keys;
        Assert.Contains("momentum/layers.0.qkv.weight", state);
        Assert.DoesNotContain("exp_avg/layers.0.qkv.weight", state);
        Assert.Contains("exp_avg/word.weight", state);
        Assert.Contains("exp_avg_sq/layers.1.norm2.bias", state);
        Assert.DoesNotContain("momentum/word.weight", state);
    }
}
