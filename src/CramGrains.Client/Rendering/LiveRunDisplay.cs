using CramGrains.Interfaces.Runs;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CramGrains.Client.Rendering;

/// <summary>A bar and its figures, redrawn in place.</summary>
internal sealed class LiveRunDisplay : RunDisplay
{
    private const int BarWidth = 40;
    private readonly LiveDisplayContext _live;

    private LiveRunDisplay(LiveDisplayContext live) => _live = live;

    /// <summary>Runs <paramref name="body"/> with a live display that disappears at its end.</summary>
    public static async Task<T> UsingAsync<T>(Func<RunDisplay, Task<T>> body)
    {
        T result = default!;
        await AnsiConsole.Live(new Text("connecting")).AutoClear(true).StartAsync(async live => result = await body(new LiveRunDisplay(live)));
        return result;
    }

    /// <inheritdoc />
    protected override void Notice(string text) => AnsiConsole.MarkupLineInterpolated($"[yellow]note:[/] {text}");

    /// <inheritdoc />
    protected override void Status(RunView view)
    {
        List<IRenderable> rows = [new Markup($"[bold]{Markup.Escape(view.RunId)}[/]  {Markup.Escape(PhaseOf(view))}")];
        if (view.Progress?.Fraction is { } fraction)
        {
            var filled = (int)Math.Round(BarWidth * Math.Clamp(fraction, 0, 1));
            rows.Add(new Markup($"[green]{new string('━', filled)}[/][grey]{new string('━', BarWidth - filled)}[/] {Figures.Percent(fraction)}"));
        }

        rows.Add(new Text(FiguresOf(view)));
        _live.UpdateTarget(new Rows(rows));
    }
}
