using System.Diagnostics;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Rendering;

/// <summary>One line at each change of phase, and one every few seconds in between.</summary>
internal sealed class PlainRunDisplay(TextWriter output) : RunDisplay
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(5);
    private string? _phase;
    private long _shown;

    /// <inheritdoc />
    protected override void Notice(string text) => output.WriteLine($"note: {text}");

    /// <inheritdoc />
    protected override void Status(RunView view)
    {
        var phase = PhaseOf(view);
        if (phase == _phase && Stopwatch.GetElapsedTime(_shown) < Pace)
        {
            return;
        }

        (_phase, _shown) = (phase, Stopwatch.GetTimestamp());
        var share = view.Progress?.Fraction is { } fraction && view.EndedAt is null ? $"  {Figures.Percent(fraction)}" : "";
        output.WriteLine($"{phase}{share}  {FiguresOf(view)}".TrimEnd());
    }
}
