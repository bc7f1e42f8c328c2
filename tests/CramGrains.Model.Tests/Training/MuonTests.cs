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
        muon.Step(1, 0.5);
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
    public void EvenRows_HandComputedCase_DividesByTheRunningRootAndKeepsTheNorm()
    {
        // Rows of mean square 9 and 1, moments 4 and 0: new moments .5 * 4 + .5 * 9 = 6.5 and .5, so rows become 3 / sqrt(6.5) and 1 / sqrt(.5) of unit rows,
        // of square sum 2 * (9 / 6.5 + 1 / .5) = 6.7692 where it was 20.
        var matrices = tensor(new float[,,] { { { 3, -3 }, { 1, 1 } } });
        var moments = tensor(new float[,,] { { { 4 }, { 0 } } });
        Muon.EvenRows(matrices, moments, 0.5);
        double back = Math.Sqrt(20 / (2 * (9 / 6.5 + 1 / 0.5))), first = 3 / Math.Sqrt(6.5) * back, second = 1 / Math.Sqrt(0.5) * back;
        Assert.True(Goldens.RelativeError(tensor(new float[,,] { { { 6.5f }, { 0.5f } } }), moments) < 1e-6);
        Assert.True(Goldens.RelativeError(tensor(new double[] { first, -first, second, second }).view(1, 2, 2).to(float32), matrices) < 1e-6);
        Assert.Equal(20, matrices.square().sum().item<float>(), 1e-4);
    }

    [Fact]
    public void EvenRows_RowOfZeros_StaysZero()
    {
        var matrices = tensor(new float[,,] { { { 0, 0 }, { 1, 2 } } });
        Muon.EvenRows(matrices, zeros(1, 2, 1), 0.95);
        Assert.True(Goldens.RelativeError(tensor(new float[,,] { { { 0, 0 }, { 1, 2 } } }), matrices) < 1e-6);
    }

    [Fact]
    public void Step_NorMuon_EvensOutTheRowsOfEachPartOfQkv()
    {
        TrainedParameter[] parameters = Parameters();
        var before = parameters.ToDictionary(p => p.Name, p => p.Value.clone());
        using var muon = new Muon(parameters, Optimizer with { Kind = OptimizerKind.NorMuon, NorMuonBeta2 = 0.9 });
        muon.Step(1, 0.5);
        var qkv = parameters[0];
        var nesterov = (qkv.Gradient * (0.05 + 0.95 * 0.05)).view(3, 8, 8);
        var orthogonal = Muon.Orthogonalize(nesterov);
        var moments = zeros(3, 8, 1);
        Muon.EvenRows(orthogonal, moments, 0.9);
        Assert.True(Goldens.RelativeError(before[qkv.Name] * (1 - 0.01 * 0.01) - orthogonal.view(24, 8) * 0.01, qkv.Value) < 1e-5);
        Assert.True(Goldens.RelativeError(moments.view(24, 1), muon.State[$"row_moment/{qkv.Name}"]) < 1e-4);
        Assert.Equal([8, 1], muon.State["row_moment/layers.0.ffn_out.weight"].shape);
    }

    [Theory]
    [InlineData(null, null, 1, 0.95)]
    [InlineData(0.85, 300, 1, 0.85)]
    [InlineData(0.85, 300, 151, 0.9)]
    [InlineData(0.85, 300, 301, 0.95)]
    [InlineData(0.85, 300, 5000, 0.95)]
    public void Momentum_OfAStep_RisesFromItsStart(double? start, int? steps, long number, double expected) =>
        Assert.Equal(expected, Muon.Momentum(Optimizer with { MuonMomentumStart = start, MuonMomentumSteps = steps }, number), 1e-12);

    [Theory]
    [InlineData(false, 0.01 * 0.1)]
    [InlineData(true, 0.01 * 0.1 * 0.5)]
    public void Step_CautiousDecay_DecaysOnlyWhereUpdateAndWeightAgree(bool followsSchedule, double decay)
    {
        TrainedParameter[] with = Parameters(), without = [.. with.Select(p => p with { Value = p.Value.clone() })];
        var before = with.ToDictionary(p => p.Name, p => p.Value.clone());
        using var cautious = new Muon(with, Optimizer with { MuonWeightDecay = 0.1, MuonCautiousDecay = true, MuonDecayFollowsSchedule = followsSchedule });
        using var plain = new Muon(without, Optimizer with { MuonWeightDecay = 0 });
        cautious.Step(1, 0.5);
        plain.Step(1, 0.5);
        foreach (var (a, b) in with.Zip(without))
        {
            var weight = before[a.Name];
            var step = weight - b.Value; // what an update without decay takes off
            var expected = b.Value - weight * decay * (step * weight).gt(0);
            Assert.True(Goldens.RelativeError(expected - weight, a.Value - weight) < 1e-4, a.Name);
            Assert.InRange((step * weight).gt(0).to(float32).mean().item<float>(), 0.1f, 0.9f); // the case tells both signs apart
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

    private static TrainedParameter[] Parameters()
    {
        using var generator = new Generator(5);
        (string Name, int Rows, int Columns)[] shapes = [("qkv", 24, 8), ("out", 8, 8), ("ffn_in", 32, 8), ("ffn_out", 8, 16)];
        return [.. shapes.Select(n => new TrainedParameter($"layers.0.{n.Name}.weight", randn([n.Rows, n.Columns], generator: generator), randn([n.Rows, n.Columns], generator: generator)))];
    }
}
