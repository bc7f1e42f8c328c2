using System.Text.Json;
using System.Text.Json.Nodes;

namespace CramGrains.Model.Recipes;

/// <summary>Fine-tuning without a recipe around it: the paper's setting, and changes to a setting by key.</summary>
public static class FineTuningSettings
{
    private const string Section = "fine_tuning";

    /// <summary>The paper's final setting: 4e-5, batch 16, 5 epochs, cosine with 10 % warm-up, dropout 0.1, five seeds, all tasks but WNLI.</summary>
    public static FineTuningRecipe Paper { get; } = new(
        [.. Enum.GetValues<GlueTaskName>().Where(task => task != GlueTaskName.Wnli)], Seeds: 5, BatchSize: 16, LearningRate: 4e-5, Epochs: 5, WarmupFraction: 0.1,
        Dropout: 0.1, MaximumLength: 128);

    /// <summary>Replaces settings by key and checks the whole.</summary>
    /// <param name="recipe">The settings.</param>
    /// <param name="overrides"><c>key=value</c>, with or without <c>fine_tuning.</c> before the key.</param>
    /// <returns>The settings, or every reason why not.</returns>
    public static (FineTuningRecipe? Recipe, IReadOnlyList<string> Problems) With(FineTuningRecipe recipe, IReadOnlyList<string> overrides)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(overrides);
        var problems = new List<string>();
        var root = new JsonObject { [Section] = JsonSerializer.SerializeToNode(recipe, RecipeJson.Options) };
        foreach (string text in overrides)
        {
            RecipeOverride.Apply(root, text.StartsWith(Section + ".", StringComparison.Ordinal) ? text : $"{Section}.{text}", problems);
        }

        RecipeShape.Check(root[Section], typeof(FineTuningRecipe), "the fine-tuning settings", Section, problems);
        if (problems.Count > 0)
        {
            return (null, problems);
        }

        var changed = root[Section].Deserialize<FineTuningRecipe>(RecipeJson.Options)!;
        problems.AddRange(RecipeRules.Problems(changed));
        return problems.Count > 0 ? (null, problems) : (changed, []);
    }
}
