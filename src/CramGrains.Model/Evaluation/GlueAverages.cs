namespace CramGrains.Model.Evaluation;

/// <summary>An average over tasks under a named convention.</summary>
/// <param name="Name">The convention, always shown with the number.</param>
/// <param name="Value">A fraction; null unless every task of the convention was run.</param>
/// <param name="MissingTasks">The tasks that were not run.</param>
/// <param name="Subset">One of the scores is from a subset.</param>
public sealed record GlueAverage(string Name, double? Value, IReadOnlyList<string> MissingTasks, bool Subset);

/// <summary>The averages that the literature calls "GLUE". On the same scores they differ by several points, so each has its name; none skips a task.</summary>
public static class GlueAverages
{
    /// <summary>The paper's: nine numbers, MNLI twice, MRPC and QQP by F1, STS-B by Pearson, without WNLI.</summary>
    public const string Cramming9 = "cramming-9";

    /// <summary>The paper's without CoLA, the noisiest of the nine.</summary>
    public const string Cramming9WithoutCola = "cramming-9 without cola";

    /// <summary>The BERT paper's: eight tasks without WNLI, the metrics of a task averaged first.</summary>
    public const string Official8 = "official-8";

    private static (string Task, GlueMetric Metric)[] Nine { get; } =
    [
        ("mnli", GlueMetric.Accuracy), ("mnli-mm", GlueMetric.Accuracy), ("sst2", GlueMetric.Accuracy), ("stsb", GlueMetric.Pearson),
        ("rte", GlueMetric.Accuracy), ("qnli", GlueMetric.Accuracy), ("qqp", GlueMetric.F1), ("mrpc", GlueMetric.F1), ("cola", GlueMetric.Mcc),
    ];

    private static (string Name, (string Task, GlueMetric Metric)[][] Terms)[] Conventions { get; } =
    [
        (Cramming9, [.. Nine.Select(term => new[] { term })]),
        (Cramming9WithoutCola, [.. Nine.Where(term => term.Task != "cola").Select(term => new[] { term })]),
        (Official8,
        [
            [("cola", GlueMetric.Mcc)],
            [("sst2", GlueMetric.Accuracy)],
            [("mrpc", GlueMetric.F1), ("mrpc", GlueMetric.Accuracy)],
            [("stsb", GlueMetric.Pearson), ("stsb", GlueMetric.Spearman)],
            [("qqp", GlueMetric.F1), ("qqp", GlueMetric.Accuracy)],
            [("mnli", GlueMetric.Accuracy), ("mnli-mm", GlueMetric.Accuracy)],
            [("qnli", GlueMetric.Accuracy)],
            [("rte", GlueMetric.Accuracy)],
        ]),
    ];

    /// <summary>All three averages over the medians of the seeds.</summary>
    /// <param name="scores">Scores of any tasks, each (task, metric) once per seed.</param>
    public static IReadOnlyList<GlueAverage> Over(IEnumerable<GlueScore> scores)
    {
        var medians = GlueMedian.Over(scores).ToDictionary(median => (median.Task, median.Metric));
        return [.. Conventions.Select(convention =>
        {
            var needed = convention.Terms.SelectMany(term => term).ToArray();
            string[] missing = [.. needed.Where(key => !medians.ContainsKey(key)).Select(key => key.Task).Distinct()];
            double? value = missing.Length > 0 ? null : convention.Terms.Average(term => term.Average(key => medians[key].Median));
            return new GlueAverage(convention.Name, value, missing, needed.Any(key => medians.TryGetValue(key, out var median) && median.Subset));
        })];
    }
}
