using System.Globalization;
using System.Text;
using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Studies;

/// <summary>A study as Markdown.</summary>
public static class StudyTable
{
    /// <summary>The whole report.</summary>
    public static string Markdown(StudySummary study)
    {
        ArgumentNullException.ThrowIfNull(study);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {study.Name}\n\n");
        if (study.Description.Length > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{study.Description}\n\n");
        }

        if (study.CellsDone < study.CellsInAll)
        {
            text.Append(CultureInfo.InvariantCulture, $"**Not finished: {study.CellsDone} of {study.CellsInAll} pretrainings are done.**\n\n");
        }

        Variants(text, study);
        Differences(text, study);
        Choices(text, study);
        Ablations(text, study);
        Ladders(text, study);
        foreach (string note in study.Notes)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {note}\n");
        }

        return text.ToString();
    }

    private static void Variants(StringBuilder text, StudySummary study)
    {
        if (study.Rows.Count == 0)
        {
            return;
        }

        var tasks = study.Rows.SelectMany(row => row.Glue).Select(score => (score.Task, score.Metric)).Distinct().Order().ToList();
        bool scored = tasks.Count > 0;
        Row(text, ["variant", "budget", "seeds", "held-out nats", "tokens", "updates", "tokens/s", .. tasks.Select(task => $"{GlueTask.Of(task.Task).Id} {task.Metric.Id()}"), .. scored ? ["GLUE mean"] : (string[])[]]);
        Rule(text, 7 + tasks.Count + (scored ? 1 : 0));
        foreach (var row in study.Rows)
        {
            Row(text,
            [
                row.Label, row.Budget, Seeds(row), Loss(row), TokenCount.Text(row.Tokens), Number(row.Updates, "N0"), Number(row.TokensPerSecond, "N0"),
                .. tasks.Select(task => row.Glue.FirstOrDefault(score => score.Task == task.Task) is { } score ? Percent(score.Scores) + (score.Subset ? " (subset)" : "") : "-"),
                .. scored ? [row.GlueMean is { } mean ? Number(100 * mean, "0.0") + (row.GlueMeans is { Count: > 1 } means ? $" ± {Number(100 * means.Deviation, "0.0")}" : "") : "-"] : (string[])[],
            ]);
        }

        text.Append('\n');
    }

    private static void Differences(StringBuilder text, StudySummary study)
    {
        foreach (var difference in study.Differences)
        {
            text.Append(CultureInfo.InvariantCulture, $"**{difference.Variant} against {study.Baseline} at {difference.Budget}: {Signed(-difference.Nats, "0.000")} nats held-out (below 0 is better)");
            text.Append(difference.GluePoints is { } points ? $", {Signed(points, "0.0")} GLUE points" : "").Append("**\n\n");
        }
    }

    private static void Choices(StringBuilder text, StudySummary study)
    {
        if (study.Grids.Count > 0)
        {
            text.Append("## Grids\n\n");
            Row(text, ["variant", "setting", "budget", "final held-out nats by value"]);
            Rule(text, 4);
            foreach (var grid in study.Grids)
            {
                Row(text, [grid.Variant, grid.Key, grid.Budget, string.Join(", ", grid.Points.Select(point =>
                {
                    string shown = $"{StudyCell.Text(point.Value)}: {(point.HeldOutNats is { } nats ? Number(nats, "0.000") : "-")}";
                    return point.Value == grid.Best ? $"**{shown}**" : shown;
                }))]);
            }

            text.Append('\n');
        }

        if (study.Settings.Where(setting => setting.Candidates.Any(candidate => candidate.Mean is not null)).ToList() is { Count: > 0 } chosen)
        {
            text.Append("## Fine-tuning setting, chosen on held-out training data\n\n");
            Row(text, ["variant", "mean over tasks by setting"]);
            Rule(text, 2);
            foreach (var setting in chosen)
            {
                Row(text, [setting.Variant, string.Join("; ", setting.Candidates.Select(candidate =>
                {
                    string shown = $"{candidate.Setting}: {(candidate.Mean is { } mean ? Number(100 * mean, "0.0") : "-")}";
                    return candidate.Setting == setting.Best ? $"**{shown}**" : shown;
                }))]);
            }

            text.Append('\n');
        }
    }

    private static void Ablations(StringBuilder text, StudySummary study)
    {
        if (study.Ablations.Count == 0)
        {
            return;
        }

        text.Append("## One element taken away at a time\n\n");
        Row(text, ["without", "budget", "seeds", "held-out nats", "worse than whole by", "tokens", "updates"]);
        Rule(text, 7);
        foreach (var (row, worse) in study.Ablations)
        {
            Row(text, [row.Without!, row.Budget, Seeds(row), Loss(row), worse is { } nats ? Signed(nats, "0.000") : "-", TokenCount.Text(row.Tokens), Number(row.Updates, "N0")]);
        }

        text.Append('\n');
    }

    private static void Ladders(StringBuilder text, StudySummary study)
    {
        var fitted = study.Ladders.Where(ladder => ladder.Fit is not null).ToList();
        if (fitted.Count == 0)
        {
            return;
        }

        text.Append("## Ladder of budgets\n\n");
        Row(text, ["variant", "fit", "residuals, nats", "at 24 h"]);
        Rule(text, 4);
        foreach (var ladder in fitted)
        {
            Row(text,
            [
                ladder.Variant, Formula(ladder.Fit!, ladder.Unit), string.Join(", ", ladder.Fit!.Residuals.Select(residual => Signed(residual, "0.000"))),
                ladder.At24Hours is { } loss ? $"{Number(loss, "0.00")} ({Reach(24 * 3600 / ladder.Points[^1].Budget)})" : "-",
            ]);
        }

        text.Append(fitted.Any(ladder => ladder.Fit!.Form == LossFitForm.LogLinear)
            ? "\nFewer than four budgets, or losses that do not level off: a line over the logarithm of the budget, which falls for ever and is not extrapolated.\n\n"
            : "\nLeast squares over the medians of the budgets.\n\n");
    }

    private static string Reach(double longest) => longest > 1 ? $"extrapolation, {Number(longest, "0.#")} times the longest budget" : "within the ladder";

    private static string Formula(LossFit fit, BudgetUnit unit)
    {
        string t = unit switch { BudgetUnit.Seconds => "s", BudgetUnit.Tokens => "tokens", _ => "exaFLOP" };
        return fit.Form == LossFitForm.PowerLaw
            ? $"{Number(fit.A, "0.000")} {(fit.B < 0 ? "-" : "+")} {Number(Math.Abs(fit.B), "G4")} t^-{Number(fit.C, "0.000")}, t in {t}"
            : $"{Number(fit.A, "0.000")} {(fit.B < 0 ? "-" : "+")} {Number(Math.Abs(fit.B), "0.0000")} ln t, t in {t}";
    }

    private static string Seeds(StudyRow row) => Number(row.Seeds.Count, "0");

    private static string Loss(StudyRow row)
    {
        string diverged = row.Diverged > 0 ? $"{row.Diverged} of {row.Seeds.Count} diverged" : "";
        return row.HeldOut is not { } loss ? diverged
            : Number(loss.Median, "0.000") + (loss.Count > 1 ? $" ± {Number(loss.Deviation, "0.000")} ({Number(loss.Minimum, "0.000")} to {Number(loss.Maximum, "0.000")})" : "")
                + (diverged.Length > 0 ? $", {diverged}" : "");
    }

    private static string Percent(Spread spread) => Number(100 * spread.Median, "0.0") + (spread.Count > 1 ? $" ± {Number(100 * spread.Deviation, "0.0")}" : "");

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Signed(double value, string format) => (value < 0 ? "-" : "+") + Number(Math.Abs(value), format);

    private static void Row(StringBuilder text, IReadOnlyList<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    private static void Rule(StringBuilder text, int columns) => Row(text, [.. Enumerable.Repeat("---", columns)]);
}
