using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>One variant, or a variant without an element, at one budget, over its seeds.</summary>
/// <param name="Label">The variant, and what it is without.</param>
/// <param name="Without">The element that is taken away; null for a whole variant.</param>
/// <param name="Budget">As the study writes it.</param>
/// <param name="Seeds">Seeds that are done.</param>
/// <param name="HeldOut">Final held-out loss, nats; null where every seed diverged.</param>
/// <param name="Diverged">Seeds without a final loss.</param>
/// <param name="Tokens">Median of training tokens.</param>
/// <param name="Updates">Median of optimizer steps.</param>
/// <param name="TokensPerSecond">Median of tokens per training second, of the seeds that have any; 0 where none has.</param>
/// <param name="Glue">Headline metric of each task over all fine-tunings, fractions; empty where none is done.</param>
/// <param name="GlueMean">Mean over the tasks of their medians; null unless every task is there.</param>
/// <param name="GlueMeans">The mean over the tasks of each fine-tuning seed; null unless one has every task.</param>
public sealed record StudyRow(
    string Label, string? Without, string Budget, IReadOnlyList<int> Seeds, Spread? HeldOut, int Diverged, double Tokens, double Updates, double TokensPerSecond,
    IReadOnlyList<StudyTaskScore> Glue, double? GlueMean, Spread? GlueMeans);

/// <summary>A task's headline metric over fine-tunings.</summary>
/// <param name="Task">The task.</param>
/// <param name="Metric">The metric.</param>
/// <param name="Scores">Over pretraining and fine-tuning seeds, fractions.</param>
/// <param name="Subset">Trained or scored on fewer examples than the official files hold.</param>
/// <param name="Diverged">Fine-tunings that diverged; they count as 0.</param>
public sealed record StudyTaskScore(GlueTaskName Task, GlueMetric Metric, Spread Scores, bool Subset, int Diverged);

/// <summary>A variant against the first at one budget; above 0 is better than the first.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Budget">The budget.</param>
/// <param name="Nats">Held-out nats less than the first's, of medians.</param>
/// <param name="GluePoints">Percent points more in the mean over tasks; null where one of the two is not scored.</param>
public sealed record StudyDifference(string Variant, string Budget, double Nats, double? GluePoints);

/// <summary>An element taken away.</summary>
/// <param name="Row">The variant without it.</param>
/// <param name="NatsWorse">Median held-out nats more than the whole variant's at the same budget and seeds; null where either is missing.</param>
public sealed record StudyAblationRow(StudyRow Row, double? NatsWorse);

/// <summary>A variant over its budgets.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Unit">What budgets count.</param>
/// <param name="Points">Budgets and median losses.</param>
/// <param name="Fit">The fit; null for fewer than two budgets.</param>
/// <param name="At24Hours">Extrapolation to a day; null where budgets are no times, or no power law: a line over the logarithm soon goes below zero.</param>
public sealed record StudyLadder(string Variant, BudgetUnit Unit, IReadOnlyList<LadderPoint> Points, LossFit? Fit, double? At24Hours);

/// <summary>All that a study says, as a pure function of its results.</summary>
/// <param name="Name">The study.</param>
/// <param name="Description">What it is for.</param>
/// <param name="Baseline">The variant that differences are to.</param>
/// <param name="CellsDone">Pretrainings done.</param>
/// <param name="CellsInAll">Pretrainings planned.</param>
/// <param name="Rows">Variants by budget.</param>
/// <param name="Differences">Against the first variant.</param>
/// <param name="Grids">What grids chose.</param>
/// <param name="Settings">What fine-tuning settings were chosen.</param>
/// <param name="Ablations">Elements taken away.</param>
/// <param name="Ladders">Fits over budgets.</param>
/// <param name="Notes">What a reader must know to compare.</param>
public sealed record StudySummary(
    string Name, string Description, string Baseline, int CellsDone, int CellsInAll, IReadOnlyList<StudyRow> Rows, IReadOnlyList<StudyDifference> Differences,
    IReadOnlyList<GridChoice> Grids, IReadOnlyList<SettingChoice> Settings, IReadOnlyList<StudyAblationRow> Ablations, IReadOnlyList<StudyLadder> Ladders, IReadOnlyList<string> Notes)
{
    private const double DaySeconds = 24 * 3600;

    /// <summary>Gathers what is there; nothing needs to be complete.</summary>
    /// <param name="study">What was asked for.</param>
    /// <param name="cells">Pretrainings.</param>
    /// <param name="glue">Fine-tunings.</param>
    public static StudySummary Of(StudyDefinition study, IReadOnlyList<StudyCellResult> cells, IReadOnlyList<StudyGlueResult> glue)
    {
        ArgumentNullException.ThrowIfNull(study);
        ArgumentNullException.ThrowIfNull(cells);
        ArgumentNullException.ThrowIfNull(glue);
        var plan = StudyPlan.Cells(study);
        var rows = plan.Where(cell => cell.Part != StudyPart.Grid).GroupBy(cell => (cell.Label, cell.Without, cell.Budget))
            .Select(group => Row(study, group.Key.Label, group.Key.Without, group.Key.Budget, [.. cells.Where(result => group.Contains(result.Cell))], glue))
            .OfType<StudyRow>().ToList();
        var whole = rows.Where(row => row.Without is null).ToList();
        string baseline = study.Variants[0].Name;
        return new(
            study.Name, study.Description, baseline, cells.Count(result => plan.Contains(result.Cell)), plan.Count, whole, DifferencesTo(baseline, whole),
            [.. study.Variants.Select(variant => StudyChoices.Grid(study, variant.Name, cells)).OfType<GridChoice>()],
            study.Glue is null ? [] : [.. study.Variants.Select(variant => StudyChoices.Setting(study, variant.Name, glue))],
            [.. rows.Where(row => row.Without is not null).Select(row => new StudyAblationRow(row, Worse(row, study, cells)))],
            [.. study.Variants.Select(variant => Ladder(variant.Name, whole)).OfType<StudyLadder>()],
            [.. StudyNotes.Of(study, cells, glue)]);
    }

    private static StudyRow? Row(
        StudyDefinition study, string label, string? without, string budget, IReadOnlyList<StudyCellResult> results, IReadOnlyList<StudyGlueResult> glue)
    {
        if (results.Count == 0)
        {
            return null;
        }

        var finals = glue.Where(result => !result.Choice && results.Any(cell => cell.Cell == result.Cell)).ToList();
        var tasks = (study.Glue?.Tasks ?? []).Select(task => TaskScore(task, finals)).OfType<StudyTaskScore>().ToList();
        int all = study.Glue?.Tasks.Count ?? 0;
        bool complete = all > 0 && tasks.Count == all;
        var means = finals.GroupBy(result => (result.Cell, result.Seed)).Where(group => group.Count() == all).Select(group => group.Average(result => result.Headline));
        return new(
            label, without, budget, [.. results.Select(result => result.Cell.Seed).Order()], Spread.Of(results.Select(result => result.HeldOutFinal).OfType<double>()),
            results.Count(result => result.HeldOutFinal is null), Spread.Of(results.Select(result => (double)result.Tokens))!.Median,
            Spread.Of(results.Select(result => (double)result.Updates))!.Median,
            Spread.Of(results.Where(result => result.Seconds > 0).Select(result => result.Tokens / result.Seconds))?.Median ?? 0,
            tasks, complete ? tasks.Average(task => task.Scores.Median) : null, Spread.Of(means));
    }

    private static StudyTaskScore? TaskScore(GlueTaskName task, IReadOnlyList<StudyGlueResult> finals)
    {
        var results = finals.Where(result => result.Task == task).ToList();
        return Spread.Of(results.Select(result => result.Headline)) is { } scores
            ? new(task, GlueTask.Of(task).Metrics[0], scores, results.Any(result => result.Scores.Any(score => score.Subset)), results.Count(result => result.Failure is not null))
            : null;
    }

    private static List<StudyDifference> DifferencesTo(string baseline, IReadOnlyList<StudyRow> rows) =>
    [
        .. from first in rows
           where first.Label == baseline && first.HeldOut is not null
           from row in rows
           where row.Budget == first.Budget && row.Label != baseline && row.HeldOut is not null
           select new StudyDifference(row.Label, row.Budget, first.HeldOut!.Median - row.HeldOut!.Median, 100 * (row.GlueMean - first.GlueMean)),
    ];

    /// <summary>Against the whole variant with the same seeds, whatever other seeds the ladder has.</summary>
    private static double? Worse(StudyRow row, StudyDefinition study, IReadOnlyList<StudyCellResult> cells)
    {
        var full = Spread.Of(cells
            .Where(result => result.Cell.Part == StudyPart.Main && result.Cell.Variant == study.Ablate!.Variant && result.Cell.Budget == row.Budget && row.Seeds.Contains(result.Cell.Seed))
            .Select(result => result.HeldOutFinal).OfType<double>());
        return row.HeldOut?.Median - full?.Median;
    }

    private static StudyLadder? Ladder(string variant, IReadOnlyList<StudyRow> rows)
    {
        var points = rows.Where(row => row.Label == variant && row.HeldOut is not null)
            .Select(row => (Budget: StudyBudget.Read(row.Budget)!.Value, row.HeldOut!.Median)).OrderBy(point => point.Budget.Amount).ToList();
        if (points.Count == 0)
        {
            return null;
        }

        LadderPoint[] ladder = [.. points.Select(point => new LadderPoint(point.Budget.Amount, point.Median))];
        var fit = LossFit.Of(ladder);
        return new(variant, points[0].Budget.Unit, ladder, fit, points[0].Budget.Unit == BudgetUnit.Seconds && fit is { Form: LossFitForm.PowerLaw } law ? law.At(DaySeconds) : null);
    }
}
