using System.Globalization;
using System.Text;

namespace CramGrains.Model.Evaluation;

/// <summary>Scores of several models side by side as Markdown, in percent: medians, their spread, averages by name, and which rows are of subsets.</summary>
public static class GlueTable
{
    /// <summary>The table with its legend.</summary>
    /// <param name="results">One column each.</param>
    public static string Markdown(IReadOnlyList<GlueResults> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var medians = results.Select(model => model.Medians.ToDictionary(median => (median.Task, median.Metric))).ToList();
        int seeds = medians.SelectMany(model => model.Values).Select(median => median.Seeds).DefaultIfEmpty(0).Max();
        bool[] seeded = [.. results.Select(model => model.Scores.Any(score => score.Seed is not null))];
        var rows = medians.SelectMany(model => model.Keys).Distinct().ToList();
        var text = new StringBuilder();
        Row(["task", "metric", .. results.Select(model => model.Model)]);
        Row([.. Enumerable.Repeat("---", results.Count + 2)]);
        foreach (var key in rows)
        {
            bool subset = medians.Any(model => model.TryGetValue(key, out var median) && median.Subset);
            Row([key.Task + (subset ? " (subset)" : ""), key.Metric.Id(), .. medians.Select((model, column) => model.TryGetValue(key, out var median) ? Cell(median, seeded[column] ? seeds : median.Seeds) : "-")]);
        }

        var averages = results.Select(model => model.Averages.ToDictionary(average => average.Name)).ToList();
        foreach (string name in averages.SelectMany(model => model.Keys).Distinct())
        {
            bool subset = averages.Any(model => model[name] is { Value: not null, Subset: true });
            Row([$"**{name}**{(subset ? " (subset)" : "")}", "mean", .. averages.Select(model => model[name].Value is { } value ? Percent(value) : "not all tasks run")]);
        }

        text.Append('\n').Append(Legend(results, seeds));
        return text.ToString();

        void Row(string[] cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
    }

    private static string Legend(IReadOnlyList<GlueResults> results, int seeds)
    {
        var medians = results.SelectMany(model => model.Medians).ToList();
        string over = seeds == 1 ? "one seed" : $"median of {seeds} seeds, where a cell names no other number, ± standard deviation (lowest to highest)";
        string text = $"GLUE dev, in percent{(results.Any(model => model.Scores.Any(score => score.Seed is not null)) ? $"; {over}" : "")}.\n";
        string[] missing = [.. results.SelectMany(model => model.Averages).SelectMany(average => average.MissingTasks).Distinct()];
        text += missing.Length == 0 ? "" : $"Averages need every task of their convention; not run: {string.Join(", ", missing)}.\n";
        return text + (medians.Any(median => median.Subset)
            ? "Rows marked 'subset' were trained or scored on fewer examples than the official files hold: not comparable with published GLUE.\n"
            : "");
    }

    /// <summary>A median with its spread; one over fewer seeds than the legend says names them, since a table may be of runs that are not all done.</summary>
    private static string Cell(GlueMedian median, int seeds) =>
        Percent(median.Median)
        + (median.Seeds == 1 ? "" : $" ± {Percent(median.StandardDeviation)} ({Percent(median.Minimum)} to {Percent(median.Maximum)})")
        + (median.Seeds == seeds ? "" : $", {median.Seeds} seed{(median.Seeds == 1 ? "" : "s")}");

    private static string Percent(double fraction) => (100 * fraction).ToString("0.0", CultureInfo.InvariantCulture);
}
