using System.Text.Json;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Export;

/// <summary>A model's config.json, read key by key with errors that name file and key.</summary>
internal sealed class ConfigFile
{
    private readonly JsonElement _values;
    private readonly string _path;

    private ConfigFile(string path, JsonElement values) => (_path, _values) = (path, values);

    /// <exception cref="ExportException">The file is missing or is no JSON object.</exception>
    public static ConfigFile Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new(path, document.RootElement.Clone())
                : throw new ExportException($"{path}: must hold a JSON object, got {document.RootElement.ValueKind}.");
        }
        catch (Exception error) when (error is IOException or JsonException or UnauthorizedAccessException)
        {
            throw new ExportException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    public bool Has(string key) => _values.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public ConfigFile Section(string key) =>
        Has(key) && _values.GetProperty(key) is { ValueKind: JsonValueKind.Object } section ? new($"{_path}: {key}", section) : throw Wrong(key, "an object");

    public int Integer(string key) => Has(key) && _values.GetProperty(key).TryGetInteger(out int value) ? value : throw Wrong(key, "a whole number");

    /// <summary>Layers, within what a recipe may have.</summary>
    public int Layers(string key) => Integer(key) is >= 1 and <= RecipeRules.MostLayers and var layers ? layers : throw Wrong(key, $"a whole number from 1 to {RecipeRules.MostLayers}");

    /// <summary>Attention heads, which share the hidden size out evenly.</summary>
    public int Heads(string key, int hiddenSize) =>
        Integer(key) is > 0 and var heads && hiddenSize % heads == 0 ? heads : throw Wrong(key, $"a divisor of the hidden size ({hiddenSize})");

    public double Number(string key, double absent) => !Has(key) ? absent
        : _values.GetProperty(key) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : throw Wrong(key, "a number");

    public bool Flag(string key, bool absent) => !Has(key) ? absent
        : _values.GetProperty(key).ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(key, "true or false"),
        };

    public string Text(string key, string absent) => !Has(key) ? absent
        : _values.GetProperty(key) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw Wrong(key, "a string");

    public bool IsText(string key) => _values.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String;

    /// <summary>Refuses a setting unless it has one of the values that are expressible here.</summary>
    public string OneOf(string key, string absent, params ReadOnlySpan<string> known)
    {
        string value = Text(key, absent);
        return known.Contains(value) ? value : throw Wrong(key, $"{string.Join(" or ", known.ToArray())} to be imported");
    }

    /// <summary>Refuses a switch unless it is off.</summary>
    public void MustBeOff(string key)
    {
        if (Flag(key, false))
        {
            throw Wrong(key, "false to be imported");
        }
    }

    public ExportException Wrong(string key, string expected) =>
        new($"{_path}: {key} must be {expected}, got {(_values.TryGetProperty(key, out var value) ? value.GetRawText() : "nothing")}.");
}

/// <summary>Integers in JSON as Python writes them.</summary>
internal static class JsonIntegers
{
    public static bool TryGetInteger(this JsonElement element, out int value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out value);
    }
}
