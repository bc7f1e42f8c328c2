using System.Globalization;
using System.Text.Json.Nodes;

namespace CramGrains.Model.Recipes;

/// <summary>A budget as people write it: <c>60s</c>, <c>5m</c>, <c>24h</c>, <c>500Mtokens</c>, <c>9.5Gtokens</c>, <c>13.4exaflop</c>.</summary>
internal static class BudgetText
{
    private const string Expected = "a time such as 60s, 5m or 24h, tokens such as 500Mtokens, or compute such as 13.4exaflop";

    private const double MostTokens = 9e18; // a long holds little more

    private static readonly (string Ending, string Key, double Unit)[] Units =
    [
        ("ktokens", "budget_tokens", 1e3), ("Mtokens", "budget_tokens", 1e6), ("Gtokens", "budget_tokens", 1e9), ("tokens", "budget_tokens", 1),
        ("exaflop", "budget_exaflop", 1), ("s", "budget_hours", 1.0 / 3600), ("m", "budget_hours", 1.0 / 60), ("h", "budget_hours", 1), ("d", "budget_hours", 24),
    ];

    /// <summary>The recipe's key and its value; null with a problem when it cannot be read.</summary>
    public static (string Key, JsonNode Value)? Read(string text, List<string> problems)
    {
        text = text.Trim();
        foreach (var (ending, key, unit) in Units)
        {
            if (!text.EndsWith(ending, StringComparison.Ordinal) || !double.TryParse(text.AsSpan(0, text.Length - ending.Length), NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
            {
                continue;
            }

            if (!(number > 0 && double.IsFinite(number)))
            {
                break;
            }

            if (key == "budget_tokens" && number * unit > MostTokens)
            {
                problems.Add($"budget: expected at most {MostTokens / 1e9:F0} Gtokens, got '{text}'.");
                return null;
            }

            return (key, key == "budget_tokens" ? JsonValue.Create((long)Math.Round(number * unit)) : JsonValue.Create(number * unit));
        }

        problems.Add($"budget: expected {Expected}, got '{text}'.");
        return null;
    }
}
