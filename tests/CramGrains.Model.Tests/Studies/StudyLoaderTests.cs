using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

public sealed class StudyLoaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public StudyLoaderTests() => File.Copy(Path.Combine(Goldens.Repository, "recipes", "quickstart.json"), Path.Combine(_folder.Path, "quickstart.json"));

    public static TheoryData<string> Shipped =>
        [.. Directory.EnumerateFiles(Path.Combine(Goldens.Repository, "studies"), "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Shipped))]
    public void Load_ShippedStudy_HasNoProblemAndIsNamedAsItsFile(string name)
    {
        var loaded = StudyLoader.Load(Path.Combine(Goldens.Repository, "studies", name + ".json"));
        Assert.Empty(loaded.Problems);
        Assert.Equal(name, loaded.Study!.Definition.Name);
        Assert.All(loaded.Study.Definition.Variants.Where(variant => variant.Grid is not null), variant => Assert.Equal(loaded.Study.Definition.Variants[0].Grid!.Values.Count, variant.Grid!.Values.Count));
    }

    [Fact]
    public void RecipeOf_GridValueAndElement_AreAppliedInOrder()
    {
        var study = Load("""
            { "name": "s", "budgets": ["2m"], "seeds": [5], "set": ["training.mask_fraction=0.3"], "grid_budget": "10s",
              "variants": [{ "name": "a", "recipe": "quickstart.json", "set": ["training.mask_fraction=0.2"], "grid": { "key": "training.optimizer.learning_rate", "values": [0.01, 0.02] } }],
              "ablate": { "variant": "a", "without": [{ "name": "masks", "set": ["training.mask_fraction=0.1"] }] } }
            """).Study!;
        var main = study.RecipeOf(study.Cells.Single(cell => cell.Part == StudyPart.Main), 0.02);
        Assert.Equal((0.2, 0.02, 5, 120.0), (main.Training.MaskFraction, main.Training.Optimizer.LearningRate, main.Seed, Math.Round(main.BudgetHours!.Value * 3600, 6)));
        var ablation = study.RecipeOf(study.Cells.Single(cell => cell.Part == StudyPart.Ablation), 0.02);
        Assert.Equal((0.1, 0.02), (ablation.Training.MaskFraction, ablation.Training.Optimizer.LearningRate));
        var point = study.RecipeOf(study.Cells.First(cell => cell.Part == StudyPart.Grid), null);
        Assert.Equal((0.01, 10.0), (point.Training.Optimizer.LearningRate, Math.Round(point.BudgetHours!.Value * 3600, 6)));
    }

    [Fact]
    public void Load_WhatTheCommandLineAdds_TrainsAndChangesNeitherGridsNorGlue()
    {
        string file = Write("""
            { "name": "s", "budgets": ["2m"], "seeds": [5], "grid_budget": "10s",
              "variants": [{ "name": "a", "recipe": "quickstart.json", "grid": { "key": "training.optimizer.learning_rate", "values": [0.01, 0.02] } }],
              "glue": { "tasks": ["cola"], "seeds": [0] } }
            """);
        var study = StudyLoader.Load(file, ["16m"], [1]).Study!;
        Assert.Equal(["a@grid=0.01#5", "a@grid=0.02#5", "a@2m#5", "a@2m#1", "a@16m#5", "a@16m#1"], study.Cells.Select(cell => cell.Name));
        Assert.Equal(["2m"], StudyPlan.GlueBudgets(study.Definition));
    }

    [Fact]
    public void Load_PathsOfTexts_AreRelativeToTheStudyAndNotPartOfWhatIsCompared()
    {
        var study = Load("""{ "name": "s", "budgets": ["2m"], "seeds": [0], "corpus": ["text"], "variants": [{ "name": "a", "recipe": "quickstart.json" }] }""").Study!;
        var recipe = study.RecipeOf(study.Cells[0], null);
        Assert.Equal(Path.Combine(_folder.Path, "text"), recipe.Corpus.Sources[0].Path);
        Assert.DoesNotContain(_folder.Path, Model.Recipes.RecipeJson.ToCanonicalJson(Study.Anonymous(recipe)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"budgets\": [\"2m\"]", "\"budgets\": [\"soon\"]", "budgets: expected a time such as 60s")]
    [InlineData("\"budgets\": [\"2m\"]", "\"budgets\": [\"2m\", \"1Mtokens\"]", "budgets must all be times")]
    [InlineData("\"seeds\": [0]", "\"seeds\": [0, 0]", "seeds: \"0\" stands there 2 times")]
    [InlineData("\"seeds\": [0]", "\"seed\": [0]", "seed is not a known key. Did you mean 'seeds'?")]
    [InlineData("\"name\": \"a\"", "\"name\": \"a/b\"", "variants.0.name must be 1 to 64 letters")]
    [InlineData("quickstart.json", "nowhere.json", "variants.0.recipe must name a recipe file relative to the study, got \"nowhere.json\"")]
    [InlineData("training.mask_fraction=0.2", "training.mask_fraction=20", "a@grid=0.01#0: ")]
    [InlineData("training.mask_fraction=0.2", "training.mask=1", "training.mask is not a known key")]
    [InlineData("\"grid_budget\": \"10s\",", "", "grid_budget is missing, and variants.0.grid needs it")]
    [InlineData("[0.01, 0.02]", "[0.01]", "variants.0.grid.values must be two or more different values, got [0.01]")]
    [InlineData("\"variant\": \"a\"", "\"variant\": \"b\"", "ablate.variant must be one of a, got \"b\"")]
    [InlineData("learning_rate=1e-5", "learning_rates=1e-5", "glue setting 'learning_rates=1e-5'")]
    [InlineData("\"tasks\": [\"cola\"]", "\"tasks\": [\"kola\"]", "glue.tasks.0 must be one of cola")]
    [InlineData("\"tasks\": [\"cola\"]", "\"tasks\": [\"cola\"], \"budgets\": [\"8m\"]", "glue.budgets must be budgets of the study (2m), got \"8m\"")]
    [InlineData("training.mask_fraction=0.2", "seed=5", "variants.0.set: \"seed=5\" would have no effect, since the study's own \"seeds\" come after it. Leave it out.")]
    [InlineData("training.mask_fraction=0.2", " budget_hours = 1", "variants.0.set: \" budget_hours = 1\" would have no effect, since the study's own \"budgets\" come after it. Leave it out.")]
    [InlineData("training.mask_fraction=0.1", "budget=1m", "ablate.without.0.set: \"budget=1m\" would have no effect")]
    [InlineData("\"seeds\": [0], \"grid", "\"seeds\": [0], \"set\": [\"seed=1\"], \"grid", "set: \"seed=1\" would have no effect")]
    [InlineData("training.optimizer.learning_rate\"", "seed\"", "variants.0.grid.key: \"seed\" would have no effect")]
    [InlineData("epochs=2", "seeds=3", "glue.settings.1: \"seeds=3\" would have no effect, since the study's own \"glue.seeds\" come after it. Leave it out.")]
    [InlineData("epochs=2", "learning_rate=1e-5", "glue.settings: \"learning_rate=1e-5\" stands there 2 times. Keep one of them.")]
    [InlineData("\"tasks\": [\"cola\"]", "\"tasks\": [\"cola\"], \"set\": [\"fine_tuning.tasks=rte\"]", "glue.set: \"fine_tuning.tasks=rte\" would have no effect")]
    [InlineData("\"tasks\": [\"cola\"]", "\"tasks\": [\"cola\"], \"choice_set\": [\"seeds=1\"]", "glue.choice_set: \"seeds=1\" would have no effect")]
    public void Load_MistakeInTheStudy_IsSaidByPath(string right, string wrong, string expected)
    {
        const string Text = """
            { "name": "s", "budgets": ["2m"], "seeds": [0], "grid_budget": "10s",
              "variants": [{ "name": "a", "recipe": "quickstart.json", "set": ["training.mask_fraction=0.2"], "grid": { "key": "training.optimizer.learning_rate", "values": [0.01, 0.02] } }],
              "ablate": { "variant": "a", "without": [{ "name": "masks", "set": ["training.mask_fraction=0.1"] }] },
              "glue": { "tasks": ["cola"], "seeds": [0], "settings": [["learning_rate=1e-5"], ["epochs=2"]] } }
            """;
        Assert.Empty(Load(Text).Problems);
        Assert.Contains(Load(Text.Replace(right, wrong, StringComparison.Ordinal)).Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_TwoRecipes_NamesWhatDiffers() => Assert.Equal(
        ["a.b: 1 there, 2 here", "c: \"x\" there, not set here", "d: not set there, true here"],
        RecipeDifferences.Of("""{ "a": { "b": 1, "same": 3 }, "c": "x" }""", """{ "a": { "b": 2, "same": 3 }, "d": true }"""));

    private StudyLoadResult Load(string text) => StudyLoader.Load(Write(text));

    private string Write(string text)
    {
        string file = Path.Combine(_folder.Path, "s.json");
        File.WriteAllText(file, text);
        return file;
    }
}
