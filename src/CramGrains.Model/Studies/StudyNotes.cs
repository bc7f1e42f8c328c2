using System.Globalization;

namespace CramGrains.Model.Studies;

/// <summary>What a reader of a study must know before comparing its numbers.</summary>
internal static class StudyNotes
{
    private const double LargestSpeedRatio = 1.25; // a batch ramp and a first step make less of a difference

    public static IEnumerable<string> Of(StudyDefinition study, IReadOnlyList<StudyCellResult> cells, IReadOnlyList<StudyGlueResult> glue)
    {
        if (cells.Count == 0)
        {
            yield break;
        }

        yield return "Held-out loss: mean cross-entropy in nats at a fixed 15 % mask on the same held-out rows, whatever a recipe masks in training. Start-up, held-out evaluations and "
            + "checkpoints are outside of the budget.";
        yield return Same(cells, cell => cell.Corpus[..Math.Min(12, cell.Corpus.Length)]) is { } corpus
            ? $"All were trained on corpus {corpus}."
            : $"Corpora differ, so losses compare only within one: {ByVariant(cells, cell => cell.Corpus[..Math.Min(12, cell.Corpus.Length)])}.";
        yield return Same(cells, cell => $"{cell.Device}, {cell.Engine} engine") is { } device
            ? $"All ran on {device}."
            : $"Devices or engines differ, so {(cells.Any(IsTimed) ? "equal wall clock is not equal compute" : "tokens/s do not compare")}: {string.Join("; ", cells.GroupBy(cell => $"{cell.Device}, {cell.Engine} engine").Select(group => $"{group.Key}: {string.Join(" ", group.Select(cell => cell.Cell.Name))}"))}.";
        List<StudyCellResult> tracked = [.. cells.Where(cell => cell.Track is not null)];
        if (tracked.Count > 0)
        {
            yield return Same(tracked, cell => cell.Track!) is { } track ? $"Track of all recipes: {track}." : $"Recipes are of different tracks, and results compare within one: {ByVariant(tracked, cell => cell.Track!)}.";
        }

        foreach (string note in Speeds(cells).Concat(Tuning(study, cells)))
        {
            yield return note;
        }

        foreach (var cell in cells.Where(cell => cell.Failure is not null))
        {
            yield return $"{cell.Cell.Name} diverged: {cell.Failure}";
        }

        foreach (var result in glue.Where(result => result.Failure is not null))
        {
            string choosing = result.Choice ? $", choosing {result.Setting}" : "";
            yield return $"{result.Cell.Name}, {Evaluation.GlueTask.Of(result.Task).Id} seed {result.Seed}{choosing}, diverged and counts as 0: {result.Failure}";
        }

        if (study.Glue is { } tuned && glue.Any(result => !result.Choice))
        {
            int planned = StudyPlan.Cells(study).Count(cell => StudyPlan.IsFineTuned(study, cell) && !HasDiverged(cell) && !HasDiverged(StudyPlan.ChoiceCell(study, cell.Variant))) * tuned.Tasks.Count * tuned.Seeds.Count;
            int done = glue.Count(result => !result.Choice);
            if (done < planned)
            {
                yield return $"GLUE is not finished: {done} of {planned} fine-tunings are done, so medians may be over other numbers of seeds.";
            }

            yield return "GLUE: dev sets, headline metric of each task in percent, median over fine-tunings ± standard deviation; the mean is that of the medians. One setting for all tasks "
                + $"of a variant{(StudySettings.Candidates(tuned).Count > 1 ? ", chosen from the same candidates on held-out training data, never on dev" : "")}.";
            foreach (var task in glue.Where(result => !result.Choice).GroupBy(result => result.Task).Where(group => group.Any(result => result.Scores.Any(score => score.Subset))))
            {
                string examples = string.Join(" or ", task.Select(result => result.TrainExamples).Distinct().Order().Select(count => count.ToString("N0", CultureInfo.InvariantCulture)));
                yield return $"{Evaluation.GlueTask.Of(task.Key).Id} was fine-tuned on {examples} training examples or scored on fewer than the official files hold: not comparable with published GLUE.";
            }
        }

        bool HasDiverged(StudyCell cell) => cells.Any(result => result.Cell == cell && result.Failure is not null);
    }

    /// <summary>One recipe on one device has one speed; where it has not, equal wall clock was not an equal chance. Equal tokens were: there only the speed itself is wrong.</summary>
    private static IEnumerable<string> Speeds(IReadOnlyList<StudyCellResult> cells)
    {
        foreach (var label in cells.Where(cell => cell.Seconds > 0 && cell.Tokens > 0).GroupBy(cell => (cell.Cell.Label, Timed: IsTimed(cell))))
        {
            double slowest = label.Min(cell => cell.Tokens / cell.Seconds), fastest = label.Max(cell => cell.Tokens / cell.Seconds);
            if (fastest > LargestSpeedRatio * slowest)
            {
                yield return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{label.Key.Label} ran at {slowest:N0} to {fastest:N0} tokens/s: something else used the device or it changed its speed, {(label.Key.Timed ? "so equal wall clock was not equal work. Run it again on a machine of its own." : "so these speeds are not the recipe's; its losses do not depend on them.")}");
            }
        }
    }

    private static bool IsTimed(StudyCellResult cell) => StudyBudget.Read(cell.Cell.Budget) is null or { Unit: BudgetUnit.Seconds };

    private static IEnumerable<string> Tuning(StudyDefinition study, IReadOnlyList<StudyCellResult> cells)
    {
        var grids = study.Variants.Select(variant => (variant.Name, Grid: StudyChoices.Grid(study, variant.Name, cells))).ToList();
        foreach (var (name, grid) in grids)
        {
            if (grid is not null)
            {
                yield return grid.Best is { } best
                    ? $"{name}: {grid.Key} = {StudyCell.Text(best)}, tuned on {grid.Points.Count} values at {grid.Budget} each"
                        + (grid.AtEdge ? "; it lies at the edge of the grid, so a better value may lie outside." : ".")
                    : $"{name}: the grid over {grid.Key} is not complete.";
            }
        }

        if (grids.Where(grid => grid.Grid is null).Select(grid => grid.Name).ToList() is { Count: > 0 } untuned)
        {
            yield return $"Not tuned in this study: {string.Join(", ", untuned)}.";
        }
    }

    private static string? Same(IReadOnlyList<StudyCellResult> cells, Func<StudyCellResult, string> of) => cells.Select(of).Distinct().ToList() is [var one] ? one : null;

    private static string ByVariant(IReadOnlyList<StudyCellResult> cells, Func<StudyCellResult, string> of) =>
        string.Join("; ", cells.GroupBy(cell => cell.Cell.Label).Select(group => $"{group.Key}: {string.Join(" and ", group.Select(of).Distinct())}"));
}
