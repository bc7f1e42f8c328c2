using System.Globalization;

namespace CramGrains.Model.Studies;

/// <summary>Counts of tokens as people read them.</summary>
public static class TokenCount
{
    // What rounds to a thousand of one unit is one of the next.
    private const double LeastThousands = 1e3, LeastMillions = 999_950;

    /// <summary>In millions; a smaller count in thousands or as it is, so that what was read is never shown as none: <c>12.3 M</c>, <c>1.8 k</c>, <c>896</c>.</summary>
    public static string Text(double tokens) => tokens switch
    {
        >= LeastMillions => (tokens / 1e6).ToString("0.0", CultureInfo.InvariantCulture) + " M",
        >= LeastThousands => (tokens / 1e3).ToString("0.0", CultureInfo.InvariantCulture) + " k",
        _ => tokens.ToString("0", CultureInfo.InvariantCulture),
    };
}
