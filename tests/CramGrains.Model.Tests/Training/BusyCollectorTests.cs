using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Training;

/// <summary>What libtorch reads must not be finalized under its hands: training while the collector does nothing else.</summary>
[Collection(nameof(TorchRandomCollection))]
public sealed class BusyCollectorTests
{
    [Theory]
    [InlineData(OptimizerKind.AdamW, NormKind.LayerNorm, PrecisionKind.Float16)]
    [InlineData(OptimizerKind.NorMuon, NormKind.RmsNorm, PrecisionKind.Float32)]
    public void Run_WhileTheCollectorIsBusy_TrainsTheSameWeights(OptimizerKind kind, NormKind norm, PrecisionKind precision)
    {
        const long Steps = 150; // without care few runs got so far
        OptimizerRecipe optimizer = new(kind, 1e-3, 0.9, 0.98, 1e-12, 0.01, MuonLearningRate: kind == OptimizerKind.AdamW ? null : 0.02);
        var recipe = TestRecipes.Tiny(TestRecipes.TinyShape with { Norm = norm }, optimizer, tokens: 16 * 3 * Steps);
        recipe = recipe with { Training = recipe.Training with { ZLoss = 1e-4, Precision = precision } };
        Assert.Equal(Train(recipe), BusyCollector.During(() => Train(recipe)));
    }

    private static IReadOnlyDictionary<string, byte[]> Train(Recipe recipe)
    {
        using var folder = new TemporaryFolder();
        using var rig = new TrainingRig(recipe, folder.Path);
        rig.Run();
        return rig.Weights();
    }
}
