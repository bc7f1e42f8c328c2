using System.Globalization;

namespace CramGrains.Client.Commands;

/// <summary>Reads a budget such as <c>60s</c>, <c>5m</c>, <c>24h</c>; one in tokens or compute is for the silo to read.</summary>
internal static class BudgetText
{
    /// <summary>Whether it is one of tokens (<c>500Mtokens</c>) or compute (<c>13.4exaflop</c>) instead of time.</summary>
    public static bool IsOfWork(string text) => text.EndsWith("tokens", StringComparison.Ordinal) || text.EndsWith("exaflop", StringComparison.Ordinal);

    /// <summary>Seconds.</summary>
    /// <exception cref="CommandException">It is not a positive number with a unit.</exception>
    public static double Seconds(string text)
    {
        var unit = text.Length > 0 ? text[^1] : ' ';
        double seconds = unit switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => double.NaN };
        if (!double.IsNaN(seconds) && double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number > 0 && double.IsFinite(number * seconds))
        {
            return number * seconds;
        }

        throw new CommandException(ExitCodes.Usage, $"--budget must be a positive number with a unit, such as 60s, 5m, 24h, 500Mtokens or 13.4exaflop, got '{text}'.");
    }
}
