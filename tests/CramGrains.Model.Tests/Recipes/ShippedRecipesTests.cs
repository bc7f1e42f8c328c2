using CramGrains.Model.Recipes;
using CramGrains.Model.Tests.Training;
using CramGrains.Model.Training;

namespace CramGrains.Model.Tests.Recipes;

/// <summary>Every file in <c>recipes/</c> loads, and trains once it is shrunk to milliseconds with its own shape, optimizer and schedule.</summary>
public sealed class ShippedRecipesTests
{
    private static readonly string[] Shrunk =
    [
        "architecture.layers=2", "architecture.hidden_size=32", "architecture.heads=4", "architecture.feed_forward_size=64", "corpus.sequence_length=16",
        "corpus.vocabulary_size=64", "fine_tuning.maximum_length=16", "training.microbatch_size=3", "training.batch_size=6", "held_out.rows=6", "held_out.evaluations=0",
    ];

    public static TheoryData<string> Names =>
        [.. Directory.EnumerateFiles(Path.Combine(Goldens.Repository, "recipes"), "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Load_ShippedRecipe_HasNoProblemAndIsNamedAsItsFile(string name)
    {
        var loaded = Load(name, []);
        Assert.Empty(loaded.Problems);
        Assert.Equal(name, loaded.Recipe!.Name);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Run_ShrunkRecipe_CompletesItsBudgetWithAFiniteLoss(string name)
    {
        bool starts = Load(name, []).Recipe!.Training.BatchSizeStart is not null;
        var recipe = Load(name, starts ? [.. Shrunk, "training.batch_size_start=3"] : Shrunk).Recipe! with { BudgetHours = null, BudgetTokens = 16 * 3 * 12 };
        using var folder = new TemporaryFolder();
        using var rig = new TrainingRig(recipe, folder.Path);
        var result = rig.Run();
        Assert.Equal(PretrainingOutcome.Completed, result.Outcome);
        Assert.True(rig.Factors.Count >= 2, $"{rig.Factors.Count} optimizer steps were done.");
        Assert.True(double.IsFinite(result.HeldOutLoss!.Value));
    }

    [Theory]
    [InlineData("crammed-bert-24h", 119.6)]
    [InlineData("crammed-bert-v1", 119.6)]
    [InlineData("crammed-modern-24h", 119.6)]
    [InlineData("original-bert", 110.95)] // bert-base-uncased has 108.89 without pooler; 2,246 more words, 384 fewer positions, and a head of 0.59 with a bias
    [InlineData("izsak-bert-large", 337.09)] // 24 x 12,596,224, words 33.55, positions 0.13, head 1.08, norms and segments 0.01
    public void Parameters_ShippedRecipe_AreThoseOfItsModel(string name, double millions)
    {
        var recipe = Load(name, []).Recipe!;
        Assert.Equal(millions, ModelCost.Parameters(recipe.Architecture, recipe.Corpus.VocabularySize, recipe.Corpus.SequenceLength) / 1e6, 0.1);
    }

    [Fact]
    public void Load_FaithfulSwitch_RepeatsTheReferencesDefects() => Assert.True(Load("crammed-bert-24h", ["fine_tuning.faithful=true"]).Recipe!.FineTuning.Faithful);

    [Fact]
    public void Load_OriginalBertWithoutItsFalseFinalNorm_NamesTheTwoSettings()
    {
        string problem = Assert.Single(Load("original-bert", ["architecture.final_norm=true"]).Problems);
        Assert.Contains("architecture.final_norm cannot go with norm_placement post", problem, StringComparison.Ordinal);
    }

    private static RecipeLoadResult Load(string name, string[] overrides)
    {
        string path = Path.Combine(Goldens.Repository, "recipes", name + ".json");
        return RecipeLoader.Load(File.ReadAllText(path), path, overrides);
    }
}
