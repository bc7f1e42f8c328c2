using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Recipes;

public sealed class FineTuningSettingsTests
{
    [Fact]
    public void Paper_Setting_IsThatOfTheShippedFinalRecipe()
    {
        string path = Path.Combine(Goldens.Repository, "recipes", "crammed-bert-24h.json");
        var shipped = RecipeLoader.Load(File.ReadAllText(path), path, []).Recipe!.FineTuning;
        Assert.Equal(shipped.Tasks.Order(), FineTuningSettings.Paper.Tasks.Order());
        Assert.Equal(shipped, FineTuningSettings.Paper with { Tasks = shipped.Tasks }); // records compare lists by reference
    }

    [Fact]
    public void With_KeysWithAndWithoutTheirSection_ChangesThem()
    {
        var (recipe, problems) = FineTuningSettings.With(FineTuningSettings.Paper, ["learning_rate=2e-5", "fine_tuning.batch_size=32", "tasks=cola,mrpc", "pooling=raw-mean"]);
        Assert.Empty(problems);
        Assert.Equal((2e-5, 32, PoolingKind.RawMean), (recipe!.LearningRate, recipe.BatchSize, recipe.Pooling));
        Assert.Equal([GlueTaskName.Cola, GlueTaskName.Mrpc], recipe.Tasks);
    }

    [Theory]
    [InlineData("learning_rat=2e-5", "fine_tuning.learning_rat is not a known key. Did you mean 'learning_rate'?")]
    [InlineData("epochs=10", "fine_tuning.epochs must be in [1, 5], got 10. The paper's rules allow at most 5.")]
    [InlineData("pooling=max", "fine_tuning.pooling must be one of first-token, masked-mean, raw-mean, got \"max\".")]
    public void With_WrongSetting_IsNamed(string setting, string expected)
    {
        var (recipe, problems) = FineTuningSettings.With(FineTuningSettings.Paper, [setting]);
        Assert.Null(recipe);
        Assert.Contains(expected, Assert.Single(problems), StringComparison.Ordinal);
    }
}
