using CramGrains.Model.Data;

namespace CramGrains.Silo.Commands;

/// <summary>Progress on standard error: one line that rewrites itself on a terminal, and one line a finished stage elsewhere.</summary>
internal sealed class ProgressLine : IProgress<CorpusProgress>
{
    public void Report(CorpusProgress value)
    {
        if (Console.IsErrorRedirected && value.Fraction < 1)
        {
            return;
        }

        var filled = (int)(value.Fraction * 30);
        var line = $"{value.Stage,-24} [{new string('#', filled)}{new string('.', 30 - filled)}] {value.Fraction,4:P0}"
            + (value.Bytes > 0 ? $"  {value.Bytes / 1e6,9:N1} MB  {value.BytesPerSecond / 1e6,7:N1} MB/s{Left(value),12}" : new string(' ', 38));
        Console.Error.Write(Console.IsErrorRedirected ? line.TrimEnd() + "\n" : $"\r{line}{(value.Fraction >= 1 ? "\n" : "")}");
    }

    private static string Left(CorpusProgress value)
    {
        if (value is { Fraction: <= 0.01 or >= 1 } or { BytesPerSecond: <= 0 })
        {
            return "";
        }

        var seconds = value.Bytes / value.Fraction * (1 - value.Fraction) / value.BytesPerSecond;
        return seconds < 100 * 3600 ? $"  {TimeSpan.FromSeconds(Math.Ceiling(seconds)):h\\:mm\\:ss} left" : "";
    }
}
