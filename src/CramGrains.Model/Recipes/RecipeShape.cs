using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CramGrains.Model.Recipes;

/// <summary>Checks JSON against the shape of the recipe records: unknown, missing, duplicate and null keys, and kinds of value, by name.</summary>
internal static class RecipeShape
{
    private const string HalfAPair = "holds half of a surrogate pair, which is no text. Write the whole character or leave it out.";

    /// <summary>The keys of a record in declaration order, as they stand in JSON.</summary>
    public static IReadOnlyDictionary<string, ParameterInfo> Keys(Type record) =>
        record.GetConstructors()[0].GetParameters().ToDictionary(parameter => JsonNamingPolicy.SnakeCaseLower.ConvertName(parameter.Name!));

    /// <summary>The values of an enum as they stand in JSON.</summary>
    public static IEnumerable<string> Values(Type kind) => Enum.GetNames(kind).Select(JsonNamingPolicy.KebabCaseLower.ConvertName);

    /// <summary>The element type of a list, or null for anything else.</summary>
    public static Type? Element(Type type) =>
        type != typeof(string) && type.IsAssignableTo(typeof(IEnumerable)) ? type.GetGenericArguments()[0] : null;

    /// <summary>True for the records of recipes and studies.</summary>
    public static bool IsRecord(Type type) => type.IsClass && (type.Namespace == typeof(Recipe).Namespace || type.Namespace == typeof(Studies.StudyDefinition).Namespace);

    /// <summary>A key of <paramref name="record"/> that was likely meant, as a hint to add to a message.</summary>
    public static string Hint(string key, Type record)
    {
        var (near, distance) = Keys(record).Keys.Select(known => (known, Distance(key, known))).MinBy(pair => pair.Item2);
        return distance <= Math.Max(2, key.Length / 4) ? $"Did you mean '{near}'?" : $"Known keys: {string.Join(", ", Keys(record).Keys)}.";
    }

    /// <summary>Adds a problem for what JSON's grammar lets pass and its readers trip over: a key that stands twice in one object, and half of a surrogate pair.</summary>
    public static void CheckReadable(JsonElement element, string origin, string path, List<string> problems)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            var seen = new HashSet<string>();
            foreach (var property in element.EnumerateObject())
            {
                if (Read(() => property.Name) is not { } key)
                {
                    problems.Add($"{origin}: a key{(path.Length == 0 ? "" : $" of {path}")} {HalfAPair}");
                    continue;
                }

                string name = Join(path, key);
                if (!seen.Add(key))
                {
                    problems.Add($"{origin}: {name} is given more than once. Keep one of them.");
                }

                CheckReadable(property.Value, origin, name, problems);
            }
        }
        else if (element.ValueKind == JsonValueKind.String && Read(element.GetString) is null)
        {
            problems.Add($"{origin}: {path} {HalfAPair}");
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var (index, item) in element.EnumerateArray().Index())
            {
                CheckReadable(item, origin, Join(path, $"{index}"), problems);
            }
        }
    }

    /// <summary>Adds a problem for every place where <paramref name="node"/> does not fit <paramref name="type"/>.</summary>
    public static void Check(JsonNode? node, Type type, string origin, string path, List<string> problems)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (node is null)
        {
            problems.Add($"{origin}: {path} is null. Give it a value or leave the key out if it is optional.");
        }
        else if (IsRecord(type))
        {
            CheckRecord(node, type, origin, path, problems);
        }
        else if (Element(type) is { } element)
        {
            if (node is not JsonArray array)
            {
                problems.Add($"{origin}: {path} must be a list [ ... ], got {Show(node)}.");
                return;
            }

            foreach (var (index, item) in array.Index())
            {
                Check(item, element, origin, Join(path, $"{index}"), problems);
            }
        }
        else if (Expectation(node, type) is { } expected)
        {
            problems.Add($"{origin}: {path} must be {expected}, got {Show(node)}.");
        }
    }

    /// <summary>A kind of JSON value, for messages.</summary>
    public static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };

    /// <summary>Joins two parts of a key's path.</summary>
    public static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static void CheckRecord(JsonNode node, Type type, string origin, string path, List<string> problems)
    {
        if (node is not JsonObject given)
        {
            problems.Add($"{origin}: {path} must be an object {{ ... }}, got {Show(node)}.");
            return;
        }

        var keys = Keys(type);
        foreach (var (key, value) in given)
        {
            if (!keys.TryGetValue(key, out var parameter))
            {
                problems.Add($"{origin}: {Join(path, key)} is not a known key. {Hint(key, type)}");
            }
            else
            {
                Check(value, parameter.ParameterType, origin, Join(path, key), problems);
            }
        }

        foreach (var (key, parameter) in keys)
        {
            if (!parameter.HasDefaultValue && !given.ContainsKey(key))
            {
                problems.Add($"{origin}: {Join(path, key)} is missing. It has no default; add it.");
            }
        }
    }

    /// <summary>A string of a document; null where an escape names half of a surrogate pair.</summary>
    private static string? Read(Func<string?> text)
    {
        try
        {
            return text();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>What a plain value should have been, or null when it fits.</summary>
    private static string? Expectation(JsonNode node, Type type)
    {
        var kind = node.GetValueKind();
        if (type.IsEnum)
        {
            return kind == JsonValueKind.String && Values(type).Contains(node.GetValue<string>()) ? null : $"one of {string.Join(", ", Values(type))}";
        }

        string text = node.ToJsonString();
        return Type.GetTypeCode(type) switch
        {
            TypeCode.String => kind == JsonValueKind.String ? null : "a string in quotes",
            TypeCode.Boolean => kind is JsonValueKind.True or JsonValueKind.False ? null : "true or false",
            TypeCode.Int32 => kind == JsonValueKind.Number && int.TryParse(text, out _) ? null : $"a whole number up to {int.MaxValue}",
            TypeCode.Int64 => kind == JsonValueKind.Number && long.TryParse(text, out _) ? null : "a whole number",
            TypeCode.Double => kind == JsonValueKind.Number && double.TryParse(text, out double value) && double.IsFinite(value) ? null : "a number",
            _ => throw new NotSupportedException($"Recipes have no rule for values of type {type}."),
        };
    }

    private static string Show(JsonNode node)
    {
        string text = node.ToJsonString();
        return node is JsonObject or JsonArray ? Describe(node.GetValueKind()) : text.Length <= 60 ? text : text[..60] + "...";
    }

    /// <summary>Edits (insert, delete, replace) between two keys.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replace, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
