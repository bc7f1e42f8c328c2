using System.Globalization;

namespace CramGrains.Model.Studies;

/// <summary>What a reader of a study must know before comparing its numbers.</summary>
internal static class StudyNotes
{
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
            : $"Devices or engines differ, so equal wall clock is not equal compute: {string.Join("; ", cells.GroupBy(cell => $"{cell.Device}, {cell.Engine} engine").Select(group => $"{group.Key}: {string.Join(" ", group.Select(cell => cell.Cell.Name))}"))}.";
        foreach (string note in Tuning(study, cells))
        {
            yield return note;
        }

        foreach (var cell in cells.Where(cell => cell.Failure is not null))
        {
            yield return $"{cell.Cell.Name} diverged: {cell.Failure}";
        }

        if (study.Glue is { } tuned && glue.Any(result => !result.Choice))
        {
            yield return "GLUE: dev sets, headline metric of each task in percent, median over fine-tunings ± standard deviation; the mean is that of the medians. One setting for all tasks "
                + $"of a variant{(StudySettings.Candidates(tuned).Count > 1 ? ", chosen from the same candidates on held-out training data, never on dev" : "")}.";
            foreach (var task in glue.Where(result => !result.Choice).GroupBy(result => result.Task).Where(group => group.Any(result => result.Scores.Any(score => score.Subset))))
            {
                string examples = string.Join(" or ", task.Select(result => result.TrainExamples).Distinct().Order().Select(count => count.ToString("N0", CultureInfo.InvariantCulture)));
                yield return $"{Evaluation.GlueTask.Of(task.Key).Id} was fine-tuned on {examples} training examples or scored on fewer than the official files hold: not comparable with published GLUE.";
            }
        }
    }

    private static IEnumerable<string> Tuning(StudyDefinition study, IReadOnlyList<StudyCellResult> cells)
    {
        foreach (var variant in study.Variants)
        {
            yield return StudyChoices.Grid(study, variant.Name, cells) switch
            {
                null => $"{variant.Name}: no setting was tuned in this study.",
                { Best: { } best } grid => $"{variant.Name}: {grid.Key} = {StudyCell.Text(best)}, tuned on {grid.Points.Count} values at {grid.Budget} each"
                    + (grid.AtEdge ? "; it lies at the edge of the grid, so a better value may lie outside." : "."),
                { } grid => $"{variant.Name}: the grid over {grid.Key} is not complete.",
            };
        }
    }

    private static string? Same(IReadOnlyList<StudyCellResult> cells, Func<StudyCellResult, string> of) => cells.Select(of).Distinct().ToList() is [var one] ? one : null;

    private static string ByVariant(IReadOnlyList<StudyCellResult> cells, Func<StudyCellResult, string> of) =>
        string.Join("; ", cells.GroupBy(cell => cell.Cell.Label).Select(group => $"{group.Key}: {string.Join(" and ", group.Select(of).Distinct())}"));
}
