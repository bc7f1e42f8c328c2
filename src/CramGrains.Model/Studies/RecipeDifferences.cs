using System.Text.Json;
using System.Text.Json.Nodes;

namespace CramGrains.Model.Studies;

/// <summary>What sets two recipes apart, by the paths of their keys.</summary>
public static class RecipeDifferences
{
    /// <summary>One line a setting that differs, <c>training.optimizer.learning_rate: 0.02 there, 0.01 here</c>; empty when one of the two is no JSON.</summary>
    /// <param name="there">The recipe that is stored.</param>
    /// <param name="here">The recipe that is asked for.</param>
    public static IReadOnlyList<string> Of(string there, string here)
    {
        var lines = new List<string>();
        try
        {
            Compare("", JsonNode.Parse(there), JsonNode.Parse(here), lines);
        }
        catch (JsonException)
        {
            lines.Clear();
        }

        return lines;
    }

    private static void Compare(string path, JsonNode? there, JsonNode? here, List<string> lines)
    {
        if (there is JsonObject left && here is JsonObject right)
        {
            foreach (string key in left.Select(pair => pair.Key).Union(right.Select(pair => pair.Key)))
            {
                Compare(path.Length == 0 ? key : $"{path}.{key}", left[key], right[key], lines);
            }
        }
        else if (!JsonNode.DeepEquals(there, here))
        {
            lines.Add($"{path}: {Show(there)} there, {Show(here)} here");
        }
    }

    private static string Show(JsonNode? node) => node is null ? "not set" : node.ToJsonString();
}
