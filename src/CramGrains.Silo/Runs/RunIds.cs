using System.Text.RegularExpressions;

namespace CramGrains.Silo.Runs;

/// <summary>Run ids become folder names, so their characters are few.</summary>
internal static partial class RunIds
{
    public static bool IsValid(string id) => Pattern().IsMatch(id);

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
