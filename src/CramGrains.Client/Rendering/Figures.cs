using System.Globalization;

namespace CramGrains.Client.Rendering;

/// <summary>Figures as people read them, the same in every culture.</summary>
internal static class Figures
{
    /// <summary>Four digits for a loss; a dash for none.</summary>
    public static string Loss(double? nats) => nats is { } value ? value.ToString("F3", CultureInfo.InvariantCulture) : "-";

    /// <summary>A count with its thousands, millions or billions.</summary>
    public static string Count(double? value) => value switch
    {
        null => "-",
        < 10_000 => value.Value.ToString("F0", CultureInfo.InvariantCulture),
        < 1e6 => (value.Value / 1e3).ToString("F1", CultureInfo.InvariantCulture) + " k",
        < 1e9 => (value.Value / 1e6).ToString("F2", CultureInfo.InvariantCulture) + " M",
        _ => (value.Value / 1e9).ToString("F2", CultureInfo.InvariantCulture) + " G",
    };

    /// <summary>Compute with its unit.</summary>
    public static string Exaflop(double exaflop) => exaflop.ToString("G3", CultureInfo.InvariantCulture) + " exaFLOP";

    /// <summary>Training time used, and of how much where the budget is one of time.</summary>
    public static string Budget(double usedSeconds, double budgetSeconds) => budgetSeconds > 0 ? $"{Duration(usedSeconds)} of {Duration(budgetSeconds)}" : Duration(usedSeconds);

    /// <summary>Binary size.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F0} KiB"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):F0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB"),
    };

    /// <summary>Seconds up to two minutes, then minutes, hours.</summary>
    public static string Duration(double seconds)
    {
        var span = TimeSpan.FromSeconds(seconds);
        return seconds < 120
            ? string.Create(CultureInfo.InvariantCulture, $"{seconds:F0} s")
            : seconds < 7200
                ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalMinutes} min {span.Seconds} s")
                : string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes} min");
    }

    /// <summary>A fraction as a percentage.</summary>
    public static string Percent(double fraction) => string.Create(CultureInfo.InvariantCulture, $"{100 * fraction:F0} %");

    /// <summary>How long ago.</summary>
    public static string Ago(DateTimeOffset then) => Duration(Math.Max(0, (DateTimeOffset.UtcNow - then).TotalSeconds)) + " ago";

    /// <summary>An enumeration's value as it stands in JSON and in the documentation.</summary>
    public static string Word<T>(T value) where T : struct, Enum => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
