using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Recipes;

public sealed class PaperTrackTests
{
    private static readonly string Modern = File.ReadAllText(Path.Combine(Goldens.Repository, "recipes", "crammed-modern-24h.json"));

    [Theory]
    [InlineData(
        "budget=500Mtokens",
        "m.json: track cannot be paper under its rule wall-clock-budget: the budget is training wall-clock, at most 24 hours of one GPU, got budget_tokens 500000000. "
        + "Give budget_hours of at most 24, or name another track, for example --set track=my-track.")]
    [InlineData(
        "budget=48h",
        "m.json: track cannot be paper under its rule wall-clock-budget: the budget is training wall-clock, at most 24 hours of one GPU, got budget_hours 48. "
        + "Give budget_hours of at most 24, or name another track, for example --set track=my-track.")]
    [InlineData(
        "fine_tuning.epochs=6",
        "m.json: track cannot be paper under its rule five-epochs: fine-tuning takes at most 5 epochs, got fine_tuning.epochs 6. Use 5 or fewer, or name another track, for example "
        + "--set track=my-track.")]
    [InlineData(
        "corpus.sources.0.path=/data/glue_data/QQP",
        "m.json: track cannot be paper under its rule raw-text: the corpus is raw text without downstream data, got corpus.sources.0 with \"glue_data\" in its name, which is data of GLUE. "
        + "Leave that source out, or rename it if it is other text, or name another track, for example --set track=my-track.")]
    public void Load_PaperTrackThatBendsARule_IsRefusedByTheRulesName(string change, string expected)
    {
        Assert.Equal([expected], RecipeLoader.Load(Modern, "m.json", [change]).Problems);
        var separate = RecipeLoader.Load(Modern, "m.json", [change, "track=my-track"]);
        Assert.Empty(separate.Problems);
        Assert.Equal("my-track", PaperTrack.Of(separate.Recipe!));
        Assert.True(PaperTrack.IsSeparate(separate.Recipe!));
    }

    [Fact]
    public void Load_SettingsByTask_AreNoRecipe() => Assert.Contains(
        "fine_tuning.cola is not a known key", Assert.Single(RecipeLoader.Load(Modern, "m.json", ["fine_tuning.cola=1"]).Problems), StringComparison.Ordinal);

    [Fact]
    public void Of_RecipeOfBeforeThereWereTracks_IsThePapersOrNamesWhatItBends()
    {
        var old = TestRecipes.Tiny(hours: 1);
        Assert.Equal("paper", PaperTrack.Of(old));
        Assert.Equal("none (bends wall-clock-budget)", PaperTrack.Of(TestRecipes.Tiny()));
        Assert.DoesNotContain("track", RecipeJson.ToCanonicalJson(old), StringComparison.Ordinal); // its digest is what it was
    }

    [Fact]
    public void Bent_DataSetOfTheHub_IsKnownByItsName() => Assert.Equal(
        ["raw-text", "raw-text"],
        PaperTrack.Bent(TestRecipes.Tiny(hours: 1) with
        {
            Corpus = TestRecipes.Tiny().Corpus with
            {
                Sources =
                [
                    new(CorpusSourceKind.HuggingFace, "nyu-mll/glue", Config: "mrpc"), new(CorpusSourceKind.HuggingFace, "wikimedia/wikipedia"),
                    new(CorpusSourceKind.JsonLines, "/text/MNLI.jsonl.gz"),
                ],
            },
        }).Select(bent => bent.Rule));

    [Fact]
    public void Of_EstimateOfARun_TellsTheTrack() => Assert.Equal("paper", RunEstimate.Of(RecipeLoader.Load(Modern, "m.json", []).Recipe!).Track);

    [Theory]
    [InlineData("training.batch_size_start=100", "m.json: training.batch_size_start must be a multiple of training.microbatch_size (256), at most training.batch_size (8192), got 100.")]
    [InlineData("training.batch_ramp_fraction=0", "m.json: training.batch_size_start needs a ramp that starts from it, got 2048 without one. Set training.batch_ramp_fraction or training.batch_ramp_steps, or leave it out.")]
    public void Load_StartOfTheBatchRamp_IsChecked(string change, string expected) => Assert.Equal([expected], RecipeLoader.Load(Modern, "m.json", [change]).Problems);
}
