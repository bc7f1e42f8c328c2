using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CramGrains.Model.Recipes;

/// <summary>Settings given beside a recipe as <c>key.path=value</c>; a value is JSON, or plain text where the key takes text.</summary>
internal static class RecipeOverride
{
    private const string Budget = "budget"; // no key of a recipe: whichever of the three its text means

    private static readonly string[] Budgets = ["budget_hours", "budget_tokens", "budget_exaflop"];

    /// <summary>Sets one key, or the budget by <c>budget=5m</c>, <c>budget=500Mtokens</c> or <c>budget=1.5exaflop</c>. <c>null</c> takes an optional key away; a list may be given as <c>a,b,c</c>; an item of a list is named by its index.</summary>
    public static void Apply(JsonObject root, string text, List<string> problems)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            problems.Add($"--set {text}: expected key.path=value, for example --set training.mask_fraction=0.15.");
            return;
        }

        string path = text[..equals].Trim();
        if (path == Budget)
        {
            if (BudgetText.Read(text[(equals + 1)..], problems) is var (key, value))
            {
                ReplaceBudget(root, key, value);
            }

            return;
        }

        string[] keys = path.Split('.');
        JsonNode? parent = root;
        var type = typeof(Recipe);
        for (int i = 0; ; i++)
        {
            var next = ChildType(type, keys[i]);
            if (next is null)
            {
                string known = RecipeShape.IsRecord(type) ? RecipeShape.Hint(keys[i], type) : "";
                problems.Add($"--set {path}: {string.Join('.', keys[..(i + 1)])} is not a known key. {known}".TrimEnd());
                return;
            }

            if (i == keys.Length - 1)
            {
                string given = text[(equals + 1)..].Trim();
                int before = problems.Count;
                CheckReadable(given, next, path, problems);
                if (problems.Count == before)
                {
                    Set(root, parent, path, keys[i], Value(given, next), problems);
                }

                return;
            }

            parent = Child(parent, keys[i]);
            if (parent is null)
            {
                problems.Add($"--set {path}: the recipe has no {string.Join('.', keys[..(i + 1)])} to set a key of.");
                return;
            }

            type = next;
        }
    }

    /// <summary>Sets one budget and takes the others away: a budget given beside the recipe replaces the recipe's, whatever its kind.</summary>
    public static void ReplaceBudget(JsonObject root, string key, JsonNode? value)
    {
        foreach (string other in Budgets)
        {
            root.Remove(other);
        }

        root[key] = value;
    }

    private static Type? ChildType(Type type, string key)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return RecipeShape.IsRecord(type) ? RecipeShape.Keys(type).GetValueOrDefault(key)?.ParameterType
            : RecipeShape.Element(type) is { } element && IndexOf(key) is not null ? element
            : null;
    }

    private static JsonNode? Child(JsonNode? node, string key) => node switch
    {
        JsonObject given => given[key],
        JsonArray array when IndexOf(key) is { } index && index < array.Count => array[index],
        _ => null,
    };

    private static void Set(JsonObject root, JsonNode? parent, string path, string key, JsonNode? value, List<string> problems)
    {
        if (parent == root && Budgets.Contains(key) && value is not null)
        {
            ReplaceBudget(root, key, value);
        }
        else if (parent is JsonObject given)
        {
            given.Remove(key);
            if (value is not null)
            {
                given[key] = value;
            }
        }
        else if (parent is JsonArray array && IndexOf(key) is { } index && index < array.Count && value is not null)
        {
            array[index] = value;
        }
        else
        {
            problems.Add($"--set {path}: the recipe has no such item to set.");
        }
    }

    /// <summary>What System.Text.Json would only trip over later, without saying where.</summary>
    private static void CheckReadable(string text, Type type, string path, List<string> problems)
    {
        bool isJson = type == typeof(string) ? text.StartsWith('"') : text is ['{' or '[' or '"', ..];
        if (!isJson)
        {
            return;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            RecipeShape.CheckReadable(document.RootElement, $"--set {path}", path, problems);
        }
        catch (JsonException)
        {
            // no JSON: the check of the shape names the key and what it takes
        }
    }

    private static JsonNode? Value(string text, Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (text == "null")
        {
            return null;
        }

        if (RecipeShape.Element(type) is { } element && !text.StartsWith('['))
        {
            return new JsonArray([.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(item => Value(item, element))]);
        }

        if ((type == typeof(string) || type.IsEnum) && !text.StartsWith('"'))
        {
            return JsonValue.Create(text);
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text); // the check of the shape names the key and what it takes
        }
    }

    private static int? IndexOf(string key) => int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index : null;
}
