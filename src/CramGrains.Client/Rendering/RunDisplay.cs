using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Rendering;

/// <summary>Shows a run while it goes on.</summary>
internal abstract class RunDisplay
{
    private readonly HashSet<string> _noticed = [];

    /// <summary>Shows the run as it stands; called for every update.</summary>
    public void Show(RunView view)
    {
        foreach (var notice in view.Notices.Where(_noticed.Add))
        {
            Notice(notice);
        }

        Status(view);
    }

    /// <summary>Runs <paramref name="body"/> with the display that suits: live for a person, lines for a pipe, standard error beside <c>--json</c>.</summary>
    public static async Task<T> UsingAsync<T>(bool json, Func<RunDisplay, Task<T>> body) =>
        json ? await body(new PlainRunDisplay(Console.Error))
        : Columns.PersonLooks ? await LiveRunDisplay.UsingAsync(body)
        : await body(new PlainRunDisplay(Console.Out));

    /// <summary>Shows something that its user should know, once.</summary>
    protected abstract void Notice(string text);

    /// <summary>Shows where the run stands.</summary>
    protected abstract void Status(RunView view);

    /// <summary>The figures of a progress, those that it has.</summary>
    protected static string FiguresOf(RunView view)
    {
        var progress = view.Progress;
        List<string> parts = [];
        Add("step", progress?.OptimizerSteps?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Add("loss", progress?.LossNats is { } loss ? Figures.Loss(loss) : null);
        Add("held-out", progress?.HeldOutLossNats is { } heldOut ? Figures.Loss(heldOut) : null);
        Add("tokens/s", progress?.TokensPerSecond is { } rate ? Figures.Count(rate) : null);
        Add("batch", progress?.BatchSize?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (view.State == RunState.Pretraining)
        {
            parts.Add(view.BudgetSeconds > 0
                ? $"budget left {Figures.Duration(Math.Max(0, view.BudgetSeconds - view.BudgetUsedSeconds))} of {Figures.Duration(view.BudgetSeconds)}"
                : $"trained for {Figures.Duration(view.BudgetUsedSeconds)}");
        }

        return string.Join("  ", parts);

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                parts.Add($"{name} {value}");
            }
        }
    }

    /// <summary>What the run does now.</summary>
    protected static string PhaseOf(RunView view) => view.State is RunState.Queued or RunState.Waiting || view.Progress is null
        ? view.Message.Length > 0 ? $"{Figures.Word(view.State)}: {view.Message}" : Figures.Word(view.State)
        : view.Progress.Phase;
}
