using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Rendering;

/// <summary>What <c>--json</c> prints: snake_case keys, enumerations in kebab-case, one document on standard output and nothing else.</summary>
internal static class CramJson
{
    /// <summary>How every document is written.</summary>
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // For a terminal or a file, never for HTML.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary>Prints one document.</summary>
    public static void Print<T>(T value) => Console.Out.WriteLine(JsonSerializer.Serialize(value, Options));

    /// <summary>Prints a report; its recipe becomes an object instead of text within text.</summary>
    public static void Print(RunReport report)
    {
        var document = JsonSerializer.SerializeToNode(report, Options)!.AsObject();
        document.Remove("recipe_json");
        document["recipe"] = JsonNode.Parse(report.RecipeJson);
        Console.Out.WriteLine(document.ToJsonString(Options));
    }
}
