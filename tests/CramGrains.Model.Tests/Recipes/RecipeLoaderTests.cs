using System.Text.Json.Nodes;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Recipes;

public sealed class RecipeLoaderTests
{
    private static readonly string Tiny = RecipeJson.ToCanonicalJson(TestRecipes.Tiny());

    public static TheoryData<string> Files => [.. Directory.EnumerateFiles(Path.Combine(Goldens.Repository, "recipes"), "*.json").Select(path => Path.GetFileName(path)!)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Load_RecipeOfTheRepository_HasNoProblems(string file)
    {
        var result = RecipeLoader.Load(File.ReadAllText(Path.Combine(Goldens.Repository, "recipes", file)), file, []);
        Assert.Empty(result.Problems);
        Assert.Equal(Path.GetFileNameWithoutExtension(file), result.Recipe!.Name);
    }

    [Fact]
    public void Load_CanonicalJson_GivesTheSameRecipeBack()
    {
        var loaded = RecipeLoader.Load(Tiny, "tiny.json", []).Recipe!;
        Assert.Equal(RecipeJson.Digest(TestRecipes.Tiny()), RecipeJson.Digest(loaded));
    }

    [Theory]
    [InlineData("training.mask_fraction", "25", "x.json: training.mask_fraction must be in (0, 1), got 25. Use 0.25 for 25 %.")]
    [InlineData("training.mask_fracton", "0.25", "x.json: training.mask_fracton is not a known key. Did you mean 'mask_fraction'?")]
    [InlineData("training.batch_size", "7", "x.json: training.batch_size must be a multiple of training.microbatch_size (3), got 7.")]
    [InlineData("training.batch_size", "3.5", "x.json: training.batch_size must be a whole number up to 2147483647, got 3.5.")]
    [InlineData("training.batch_size", "null", "x.json: training.batch_size is null. Give it a value or leave the key out if it is optional.")]
    [InlineData("training.optimizer.kind", "\"sgd\"", "x.json: training.optimizer.kind must be one of adam-w, muon, nor-muon, got \"sgd\".")]
    [InlineData("training.optimizer.kind", "\"muon\"", "x.json: training.optimizer.muon_learning_rate is needed with kind muon, got nothing.")]
    [InlineData("training.optimizer.kind", "\"nor-muon\"", "x.json: training.optimizer.muon_learning_rate is needed with kind nor-muon, got nothing.")]
    [InlineData("training.optimizer.muon_cautious_decay", "true", "x.json: training.optimizer.muon_cautious_decay goes with kinds muon and nor-muon alone, got kind adam-w.")]
    [InlineData("training.optimizer.nor_muon_beta2", "0.9", "x.json: training.optimizer.nor_muon_beta2 goes with kind nor-muon alone, got kind adam-w.")]
    [InlineData("training.optimizer.muon_momentum_start", "0.8", "x.json: training.optimizer.muon_momentum_start goes with training.optimizer.muon_momentum_steps, got the start alone. Give both, for example 0.85 and 300, or neither.")]
    [InlineData("training.schedule.warmup_fraction", "0.1", "x.json: training.schedule.warmup_fraction must be 0 with kind triangle2, whose shape has none, got 0.1.")]
    [InlineData("architecture.heads", "5", "x.json: architecture.hidden_size must be a multiple of architecture.heads (5), got 32.")]
    [InlineData("architecture.norm_placement", "\"post\"", "x.json: architecture.final_norm cannot go with norm_placement post, whose last layer already ends with a norm, got true. Set final_norm to false.")]
    [InlineData("architecture.initialization_std", "2", "x.json: architecture.initialization_std must be in (0, 1], got 2.")]
    [InlineData("training.batch_ramp_steps", "0", "x.json: training.batch_ramp_steps must be 1 or more, got 0.")]
    [InlineData("checkpoints.keep", "1", "x.json: checkpoints.keep must be in [2, 10000], got 1. Keep 2 or more, so that a torn checkpoint has one before it.")]
    [InlineData("budget_hours", "24", "x.json: budget_hours, budget_tokens, budget_exaflop must be given exactly once, got 2. Keep one of them.")]
    [InlineData("corpus.sources.0.path", "\"a.txt\"", "x.json: corpus.sources.0.path must be absent for kind dotnet-reference, got \"a.txt\".")]
    [InlineData("corpus.sources", "[]", "x.json: corpus.sources must name at least one source, got none.")]
    [InlineData("seed", "\"one\"", "x.json: seed must be a whole number up to 2147483647, got \"one\".")]
    [InlineData("architecture", "4", "x.json: architecture must be an object { ... }, got 4.")]
    public void Load_WrongValue_IsNamedWithItsPathAndAdvice(string path, string value, string expected)
    {
        var result = RecipeLoader.Load(With(path, JsonNode.Parse(value)), "x.json", []);
        Assert.Null(result.Recipe);
        Assert.Contains(expected, result.Problems);
    }

    [Theory]
    [InlineData(
        "training.batch_ramp_steps cannot go with a training.batch_ramp_fraction above 0, got 100 beside 0.6. Set one of the ramps, and batch_ramp_fraction to 0 for the other.",
        "training.batch_ramp_steps=100", "training.batch_ramp_fraction=0.6")]
    [InlineData(
        "architecture.zero_initialize_outputs cannot go with initialization megatron, which sets the same matrices, got true. Use initialization normal or small, or leave it out.",
        "architecture.initialization=megatron", "architecture.zero_initialize_outputs=true")]
    [InlineData(
        "architecture.initialization_std cannot go with initialization wang, which computes its own, got 0.05. Leave it out.",
        "architecture.initialization=wang", "architecture.initialization_std=0.05")]
    [InlineData(
        "architecture.first_attention_norm can be left out only with norm_placement pre and embedding_norm, which stands in for it, got false.",
        "architecture.first_attention_norm=false", "architecture.embedding_norm=false")]
    [InlineData(
        "training.schedule.warmup_fraction must be above 0 with kind inverse-sqrt, which scales by it, got 0.",
        "training.schedule.kind=inverse-sqrt")]
    [InlineData(
        "training.optimizer.scalar_learning_rate goes with architecture.residual_scalars alone, got 0.01. Set architecture.residual_scalars to true, or leave it out.",
        "training.optimizer.scalar_learning_rate=0.01")]
    [InlineData("corpus.pair_fraction goes with packing framed alone, got 0.5. Set corpus.packing to framed, or leave it out.", "corpus.pair_fraction=0.5")]
    [InlineData("training.mask_fraction_end must be at most training.mask_fraction (0.25), got 0.4.", "training.mask_fraction_end=0.4")]
    public void Load_SettingsThatCannotGoTogether_AreNamed(string expected, params string[] overrides) =>
        Assert.Equal([$"x.json: {expected}"], RecipeLoader.Load(Tiny, "x.json", overrides).Problems);

    [Fact]
    public void Load_MissingKey_IsNamed()
    {
        var root = JsonNode.Parse(Tiny)!;
        root["training"]!.AsObject().Remove("mask_fraction");
        Assert.Equal(["x.json: training.mask_fraction is missing. It has no default; add it."], RecipeLoader.Load(root.ToJsonString(), "x.json", []).Problems);
    }

    [Fact]
    public void Load_DuplicateKey_IsNamed()
    {
        string twice = Tiny.Replace("\"mask_fraction\": 0.25,", "\"mask_fraction\": 0.25, \"mask_fraction\": 0.15,", StringComparison.Ordinal);
        Assert.Equal(["x.json: training.mask_fraction is given more than once. Keep one of them."], RecipeLoader.Load(twice, "x.json", []).Problems);
    }

    [Theory]
    [InlineData("\"name\": \"tiny\"", "\"name\": \"tiny\\ud800\"", "x.json: name holds half of a surrogate pair, which is no text. Write the whole character or leave it out.")]
    [InlineData("\"kind\": \"triangle2\"", "\"kind\": \"\\udc00\"", "x.json: training.schedule.kind holds half of a surrogate pair, which is no text. Write the whole character or leave it out.")]
    [InlineData("\"keep\":", "\"k\\ud83deep\":", "x.json: a key of checkpoints holds half of a surrogate pair, which is no text. Write the whole character or leave it out.")]
    public void Load_HalfASurrogatePair_IsNamed(string old, string changed, string expected)
    {
        Assert.Contains(old, Tiny, StringComparison.Ordinal);
        Assert.Equal([expected], RecipeLoader.Load(Tiny.Replace(old, changed, StringComparison.Ordinal), "x.json", []).Problems);
    }

    [Fact]
    public void Load_SeveralProblems_ListsThemAll()
    {
        var root = JsonNode.Parse(Tiny)!;
        root["seed"] = -1;
        root["training"]!["mask_fraction"] = 2;
        root["architecture"]!["layers"] = 0;
        Assert.Equal(3, RecipeLoader.Load(root.ToJsonString(), "x.json", []).Problems.Count);
    }

    [Theory]
    [InlineData("{ \"name\": ", "x.json: line 1: not valid JSON")]
    [InlineData("", "x.json: line 1: not valid JSON")]
    [InlineData("[1]", "x.json: expected one JSON object { ... }, got a list.")]
    public void Load_NoRecipeAtAll_SaysSo(string text, string expected) => Assert.StartsWith(expected, Assert.Single(RecipeLoader.Load(text, "x.json", []).Problems), StringComparison.Ordinal);

    [Fact]
    public void Load_Overrides_BecomePartOfTheRecipe()
    {
        var recipe = RecipeLoader.Load(
            Tiny, "x.json", ["training.mask_fraction=0.15", "name=other", "fine_tuning.tasks=cola,mrpc", "training.mask_fraction_end=0.1", "corpus.sources.0.weight=2"]).Recipe!;
        Assert.Equal(0.15, recipe.Training.MaskFraction);
        Assert.Equal(0.1, recipe.Training.MaskFractionEnd);
        Assert.Equal("other", recipe.Name);
        Assert.Equal([GlueTaskName.Cola, GlueTaskName.Mrpc], recipe.FineTuning.Tasks);
        Assert.Equal(2, recipe.Corpus.Sources[0].Weight);
    }

    [Fact]
    public void Load_OverrideOfABudget_ReplacesTheRecipes()
    {
        var recipe = RecipeLoader.Load(Tiny, "x.json", ["budget_hours=2"]).Recipe!;
        Assert.Equal(2, recipe.BudgetHours);
        Assert.Null(recipe.BudgetTokens);
    }

    [Theory]
    [InlineData("budget=90s", 0.025, null, null)]
    [InlineData("budget=24h", 24.0, null, null)]
    [InlineData("budget=500Mtokens", null, 500_000_000L, null)]
    [InlineData("budget=4096 tokens", null, 4096L, null)]
    [InlineData("budget=13.4exaflop", null, null, 13.4)]
    public void Load_BudgetAsText_ReplacesTheRecipesWhateverItsKind(string text, double? hours, long? tokens, double? exaflop)
    {
        var recipe = RecipeLoader.Load(Tiny, "x.json", [text]).Recipe!;
        Assert.Equal((hours, tokens, exaflop), (recipe.BudgetHours, recipe.BudgetTokens, recipe.BudgetExaflop));
    }

    [Fact]
    public void Load_SettingOfASourceGivenAsAPath_IsApplied()
    {
        var recipe = RecipeLoader.Load(Tiny, "x.json", ["corpus.sources.1.field=body", "corpus.sources.0.weight=2.5"], corpusPaths: ["/texts/a.txt", "/texts/b.jsonl"]).Recipe!;
        Assert.Equal([new(CorpusSourceKind.Text, "/texts/a.txt", Weight: 2.5), new(CorpusSourceKind.JsonLines, "/texts/b.jsonl", Field: "body")], recipe.Corpus.Sources);
    }

    [Theory]
    [InlineData("1e30tokens")]
    [InlineData("9223372036854775807tokens")]
    [InlineData("1e15Mtokens")]
    public void Load_BudgetOfMoreTokensThanCanBeCounted_IsRefusedAsGiven(string given) =>
        Assert.Equal([$"budget: expected at most 9000000000 Gtokens, got '{given}'."], RecipeLoader.Load(Tiny, "x.json", [$"budget={given}"]).Problems);

    [Theory]
    [InlineData("budget=24", "24")]
    [InlineData("budget=-5m", "-5m")]
    [InlineData("budget=5 days", "5 days")]
    public void Load_BudgetThatCannotBeRead_SaysWhatCan(string text, string got) => Assert.Equal(
        [$"budget: expected a time such as 60s, 5m or 24h, tokens such as 500Mtokens, or compute such as 13.4exaflop, got '{got}'."],
        RecipeLoader.Load(Tiny, "x.json", [text]).Problems);

    [Theory]
    [InlineData("training.mask_fracton=0.15", "--set training.mask_fracton: training.mask_fracton is not a known key. Did you mean 'mask_fraction'?")]
    [InlineData("training.mask_fraction", "--set training.mask_fraction: expected key.path=value, for example --set training.mask_fraction=0.15.")]
    [InlineData("corpus.sources.3.weight=2", "--set corpus.sources.3.weight: the recipe has no corpus.sources.3 to set a key of.")]
    [InlineData("seed.more=1", "--set seed.more: seed.more is not a known key.")]
    [InlineData(
        "corpus.near_duplicates={\"similarity\":0.9,\"similarity\":0.8}",
        "--set corpus.near_duplicates: corpus.near_duplicates.similarity is given more than once. Keep one of them.")]
    [InlineData(
        "corpus.sources=[{\"kind\":\"text\",\"path\":\"a\",\"path\":\"b\"}]", "--set corpus.sources: corpus.sources.0.path is given more than once. Keep one of them.")]
    [InlineData("description=\"\\ud800\"", "--set description: description holds half of a surrogate pair, which is no text. Write the whole character or leave it out.")]
    [InlineData("training.mask_fraction=half", "x.json: training.mask_fraction must be a number, got \"half\".")]
    public void Load_WrongOverride_IsNamed(string text, string expected) => Assert.Equal([expected], RecipeLoader.Load(Tiny, "x.json", [text]).Problems);

    [Fact]
    public void Load_BudgetSecondsAndCorpusPaths_ReplaceTheRecipes()
    {
        var recipe = RecipeLoader.Load(Tiny, "x.json", [], budgetSeconds: 60, corpusPaths: ["/a.txt", "/b"]).Recipe!;
        Assert.Equal(60.0 / 3600, recipe.BudgetHours);
        Assert.Null(recipe.BudgetTokens);
        Assert.Equal([new(CorpusSourceKind.Text, "/a.txt"), new(CorpusSourceKind.Text, "/b")], recipe.Corpus.Sources);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(double.NaN)]
    public void Load_BudgetOfNothing_IsRefused(double seconds) =>
        Assert.Contains("budget_hours must be in (0, 100000]", Assert.Single(RecipeLoader.Load(Tiny, "x.json", [], budgetSeconds: seconds).Problems), StringComparison.Ordinal);

    private static string With(string path, JsonNode? value)
    {
        var root = JsonNode.Parse(Tiny)!;
        var node = root;
        string[] keys = path.Split('.');
        foreach (string key in keys[..^1])
        {
            node = int.TryParse(key, out int index) ? node[index]! : node[key]!;
        }

        node[keys[^1]] = value;
        return root.ToJsonString();
    }
}
