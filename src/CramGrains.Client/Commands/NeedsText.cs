using System.Globalization;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Commands;

/// <summary>Reads what a run needs: sizes, compute capabilities, requeue policies. Null stands for what was not given.</summary>
internal static class NeedsText
{
    /// <summary>Bytes of a size such as <c>48GiB</c>, <c>48G</c> or <c>24576MiB</c>; all units are binary, as GPU memory is.</summary>
    /// <exception cref="CommandException">It is not a positive number with a unit.</exception>
    public static long? Bytes(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var unit = text.TrimStart('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.');
        double scale = unit.ToUpperInvariant() switch { "GIB" or "GB" or "G" => 1L << 30, "MIB" or "MB" or "M" => 1L << 20, _ => double.NaN };
        return !double.IsNaN(scale) && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number > 0
            ? (long)(number * scale)
            : throw new CommandException(ExitCodes.Usage, $"--min-gpu-memory must be a positive size with a unit, such as 48GiB or 24576MiB, got '{text}'.");
    }

    /// <summary>Ten times a compute capability such as <c>8.0</c>.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static int? Capability(string? text) =>
        text is null ? null
        : decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number is >= 1 and < 100 && number * 10 == decimal.Truncate(number * 10)
            ? (int)(number * 10)
            : throw new CommandException(ExitCodes.Usage, $"--min-capability must be a compute capability such as 8.0, got '{text}'.");

    /// <summary>A requeue policy.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static RequeuePolicy Requeue(string? text) => text switch
    {
        null or "any" => RequeuePolicy.Any,
        "same-machine" => RequeuePolicy.SameMachine,
        "never" => RequeuePolicy.Never,
        _ => throw new CommandException(ExitCodes.Usage, $"--requeue must be any, same-machine or never, got '{text}'."),
    };
}
