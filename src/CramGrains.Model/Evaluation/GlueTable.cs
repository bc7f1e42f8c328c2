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
        var rows = medians.SelectMany(model => model.Keys).Distinct().ToList();
        var text = new StringBuilder();
        Row(["task", "metric", .. results.Select(model => model.Model)]);
        Row([.. Enumerable.Repeat("---", results.Count + 2)]);
        foreach (var key in rows)
        {
            bool subset = medians.Any(model => model.TryGetValue(key, out var median) && median.Subset);
            Row([key.Task + (subset ? " (subset)" : ""), key.Metric.Id(), .. medians.Select(model => model.TryGetValue(key, out var median) ? Cell(median) : "-")]);
        }

        var averages = results.Select(model => model.Averages.ToDictionary(average => average.Name)).ToList();
        foreach (string name in averages.SelectMany(model => model.Keys).Distinct())
        {
            bool subset = averages.Any(model => model[name] is { Value: not null, Subset: true });
            Row([$"**{name}**{(subset ? " (subset)" : "")}", "mean", .. averages.Select(model => model[name].Value is { } value ? Percent(value) : "not all tasks run")]);
        }

        text.Append('\n').Append(Legend(results));
        return text.ToString();

        void Row(string[] cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
    }

    private static string Legend(IReadOnlyList<GlueResults> results)
    {
        var medians = results.SelectMany(model => model.Medians).ToList();
        int seeds = medians.Select(median => median.Seeds).DefaultIfEmpty(0).Max();
        string text = $"GLUE dev, in percent; {(seeds == 1 ? "one seed" : $"median of {seeds} seeds ± standard deviation (lowest to highest)")}.\n";
        string[] missing = [.. results.SelectMany(model => model.Averages).SelectMany(average => average.MissingTasks).Distinct()];
        text += missing.Length == 0 ? "" : $"Averages need every task of their convention; not run: {string.Join(", ", missing)}.\n";
        return text + (medians.Any(median => median.Subset)
            ? "Rows marked 'subset' were trained or scored on fewer examples than the official files hold: not comparable with published GLUE.\n"
            : "");
    }

    private static string Cell(GlueMedian median) => median.Seeds == 1
        ? Percent(median.Median)
        : $"{Percent(median.Median)} ± {Percent(median.StandardDeviation)} ({Percent(median.Minimum)} to {Percent(median.Maximum)})";

    private static string Percent(double fraction) => (100 * fraction).ToString("0.0", CultureInfo.InvariantCulture);
}
