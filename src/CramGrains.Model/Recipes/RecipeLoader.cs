using System.Text.Json;
using System.Text.Json.Nodes;

namespace CramGrains.Model.Recipes;

/// <summary>A recipe, or every reason why there is none.</summary>
/// <param name="Recipe">The recipe with its overrides; null when there are problems.</param>
/// <param name="Problems">Each says where, what is expected, what was found and what to do; empty when there is a recipe.</param>
public sealed record RecipeLoadResult(Recipe? Recipe, IReadOnlyList<string> Problems);

/// <summary>Reads recipes strictly and says all that is wrong with one at once, by name.</summary>
/// <remarks>
/// System.Text.Json in strict mode stops at the first error and does not name its key, so the shape is checked here first, against the
/// records themselves: a new setting needs no second list of keys.
/// </remarks>
public static class RecipeLoader
{
    /// <summary>Reads a recipe, applies overrides in order, and checks every value.</summary>
    /// <param name="json">The recipe's text.</param>
    /// <param name="origin">Where the text is from, for messages.</param>
    /// <param name="overrides">Settings as <c>key.path=value</c>; they become part of the recipe.</param>
    /// <param name="budgetSeconds">Replaces whatever budget the recipe has.</param>
    /// <param name="corpusPaths">Files, folders, patterns or addresses that replace the recipe's sources; their names tell their kinds, text where they tell none. Overrides apply to them too.</param>
    public static RecipeLoadResult Load(
        string json, string origin, IReadOnlyList<string> overrides, double? budgetSeconds = null, IReadOnlyList<string>? corpusPaths = null)
    {
        var problems = new List<string>();
        var root = Parse(json, origin, problems);
        if (root is null)
        {
            return new(null, problems);
        }

        if (corpusPaths is { Count: > 0 } && root["corpus"] is JsonObject corpus)
        {
            corpus["sources"] = new JsonArray([.. corpusPaths.Select(path => new JsonObject { ["kind"] = KindOf(path), ["path"] = path })]);
        }

        foreach (string text in overrides)
        {
            RecipeOverride.Apply(root, text, problems);
        }

        if (budgetSeconds is { } seconds)
        {
            RecipeOverride.ReplaceBudget(root, "budget_hours", double.IsFinite(seconds) ? JsonValue.Create(seconds / 3600) : JsonValue.Create(0.0));
        }

        RecipeShape.Check(root, typeof(Recipe), origin, "", problems);
        if (problems.Count > 0)
        {
            return new(null, problems);
        }

        var recipe = root.Deserialize<Recipe>(RecipeJson.Options)!;
        problems.AddRange(RecipeRules.Problems(recipe).Select(problem => $"{origin}: {problem}"));
        return problems.Count > 0 ? new(null, problems) : new(recipe, []);
    }

    /// <summary>The kind that a name tells; text for any other, and for folders.</summary>
    private static string KindOf(string path)
    {
        string name = CorpusSource.IsAddress(path) && Uri.TryCreate(path, UriKind.Absolute, out var address) ? address.AbsolutePath : path;
        if (Path.GetExtension(name) is ".gz" or ".zst" or ".bz2" or ".xz")
        {
            name = Path.GetFileNameWithoutExtension(name);
        }

        return Path.GetExtension(name) switch
        {
            ".jsonl" or ".ndjson" or ".json" => "json-lines",
            ".parquet" => "parquet",
            ".xml" => "wikipedia",
            _ => "text",
        };
    }

    /// <summary>The text as one JSON object without keys given twice or strings that are no text; null with problems.</summary>
    internal static JsonObject? Parse(string json, string origin, List<string> problems)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            RecipeShape.CheckReadable(document.RootElement, origin, "", problems);
            if (problems.Count == 0 && document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return (JsonObject)JsonNode.Parse(json)!;
            }

            if (problems.Count == 0)
            {
                problems.Add($"{origin}: expected one JSON object {{ ... }}, got {RecipeShape.Describe(document.RootElement.ValueKind)}.");
            }
        }
        catch (JsonException error)
        {
            string cause = error.Message.Split(" LineNumber:", 2)[0].TrimEnd('.');
            problems.Add($"{origin}: line {error.LineNumber + 1}: not valid JSON: {cause}. It takes no comments and no trailing commas.");
        }

        return null;
    }
}
