using System.Text.Json;
using System.Text.Json.Nodes;
using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Runs;

/// <summary>The one place where a submitted recipe becomes a <see cref="Recipe"/>, or the reasons why not.</summary>
internal static class RecipeGate
{
    public static (Recipe? Recipe, IReadOnlyList<string> Problems) Load(SubmitRun request)
    {
        try
        {
            JsonNode root = JsonNode.Parse(request.RecipeJson) ?? throw new JsonException("the recipe is null");
            foreach (string setting in request.Overrides)
            {
                Apply(root, setting);
            }

            Recipe recipe = root.Deserialize<Recipe>(RecipeJson.Options) ?? throw new JsonException("the recipe is null");
            if (request.BudgetSeconds is { } seconds)
            {
                recipe = recipe with { BudgetHours = seconds / 3600, BudgetTokens = null, BudgetExaflop = null };
            }

            if (request.CorpusPaths.Count > 0)
            {
                recipe = recipe with { Corpus = recipe.Corpus with { Sources = [.. request.CorpusPaths.Select(p => new CorpusSource(CorpusSourceKind.Text, p))] } };
            }

            return recipe.BudgetHours is <= 0 ? (null, [$"{request.RecipeOrigin}: budget_hours must be more than 0, got {recipe.BudgetHours}."]) : (recipe, []);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or ArgumentException)
        {
            return (null, [$"{request.RecipeOrigin}: {problem.Message}"]);
        }
    }

    private static void Apply(JsonNode root, string setting)
    {
        string[] parts = setting.Split('=', 2);
        if (parts.Length != 2)
        {
            throw new JsonException($"--set {setting}: expected key.path=value.");
        }

        string[] path = parts[0].Split('.');
        JsonNode? at = root;
        foreach (string key in path[..^1])
        {
            at = at?[key];
        }

        if (at is not JsonObject target)
        {
            throw new JsonException($"--set {setting}: there is no {parts[0]} in the recipe.");
        }

        try
        {
            target[path[^1]] = JsonNode.Parse(parts[1]);
        }
        catch (JsonException)
        {
            target[path[^1]] = parts[1]; // a bare word is a string
        }
    }
}
