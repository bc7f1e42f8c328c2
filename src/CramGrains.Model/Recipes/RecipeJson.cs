using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CramGrains.Model.Recipes;

/// <summary>Reads and writes recipes as JSON with snake_case keys and kebab-case enum values.</summary>
public static class RecipeJson
{
    /// <summary>Strict options: unknown, missing, duplicate and null keys are errors by name.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    /// <summary>The text that names a recipe: every setting written out in declaration order, indented, with LF.</summary>
    public static string ToCanonicalJson(Recipe recipe) => JsonSerializer.Serialize(recipe, Options).ReplaceLineEndings("\n");

    /// <summary>Lower-case hexadecimal SHA-256 of the canonical JSON.</summary>
    public static string Digest(Recipe recipe) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToCanonicalJson(recipe))));
}
