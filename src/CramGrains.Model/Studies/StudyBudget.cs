using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>A budget of a study as a number.</summary>
/// <param name="Unit">What is counted.</param>
/// <param name="Amount">How much: seconds, tokens or 1e18 operations.</param>
public readonly record struct StudyBudget(BudgetUnit Unit, double Amount)
{
    /// <summary>Reads <c>60s</c>, <c>8m</c>, <c>500Mtokens</c> or <c>1.5exaflop</c>; null when it is none of these.</summary>
    public static StudyBudget? Read(string text)
    {
        if (BudgetText.Read(text, []) is not var (key, node))
        {
            return null;
        }

        double number = node.GetValueKind() == System.Text.Json.JsonValueKind.Number ? double.Parse(node.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture) : 0;
        return key switch
        {
            "budget_hours" => new(BudgetUnit.Seconds, number * 3600),
            "budget_tokens" => new(BudgetUnit.Tokens, number),
            _ => new(BudgetUnit.Exaflop, number),
        };
    }
}

/// <summary>What a budget counts.</summary>
public enum BudgetUnit
{
    /// <summary>Training wall-clock.</summary>
    Seconds = 1,

    /// <summary>Training tokens.</summary>
    Tokens = 2,

    /// <summary>Model operations in 1e18.</summary>
    Exaflop = 3,
}
