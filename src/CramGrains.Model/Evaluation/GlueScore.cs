namespace CramGrains.Model.Evaluation;

/// <summary>One score on a dev set.</summary>
/// <param name="Task">Name under which it is scored, such as <c>cola</c> or <c>mnli-mm</c>.</param>
/// <param name="Metric">The metric.</param>
/// <param name="Value">A fraction, not percent.</param>
/// <param name="Subset">Trained or evaluated on fewer examples than the official files hold, so not comparable with published scores.</param>
public sealed record GlueScore(string Task, GlueMetric Metric, double Value, bool Subset)
{
    /// <summary>The scores of class predictions on a dev set.</summary>
    internal static IEnumerable<GlueScore> OfClasses(GlueTask task, GlueSplit split, int[] predicted, bool subset)
    {
        int[] actual = [.. split.Examples.Select(example => (int)example.Label)];
        return task.Metrics.Select(metric => new GlueScore(split.File.TaskId, metric, metric switch
        {
            GlueMetric.Mcc => GlueMetrics.Mcc(predicted, actual),
            GlueMetric.Accuracy => GlueMetrics.Accuracy(predicted, actual),
            GlueMetric.F1 => GlueMetrics.F1(predicted, actual),
            _ => throw new InvalidOperationException($"{metric} is not a metric of classes."),
        }, subset));
    }

    /// <summary>The scores of real-valued predictions on a dev set.</summary>
    internal static IEnumerable<GlueScore> OfValues(GlueTask task, GlueSplit split, double[] predicted, bool subset)
    {
        double[] actual = [.. split.Examples.Select(example => example.Label)];
        return task.Metrics.Select(metric => new GlueScore(split.File.TaskId, metric, metric switch
        {
            GlueMetric.Pearson => GlueMetrics.Pearson(predicted, actual),
            GlueMetric.Spearman => GlueMetrics.Spearman(predicted, actual),
            _ => throw new InvalidOperationException($"{metric} is not a metric of real values."),
        }, subset));
    }
}

/// <summary>One score over seeds.</summary>
/// <param name="Task">Name under which it is scored.</param>
/// <param name="Metric">The metric.</param>
/// <param name="Median">Median over the seeds; between the middle two for an even count.</param>
/// <param name="Minimum">Worst seed.</param>
/// <param name="Maximum">Best seed.</param>
/// <param name="StandardDeviation">Over the seeds (n - 1); 0 for one.</param>
/// <param name="Seeds">Number of seeds.</param>
/// <param name="Subset">One of them is from a subset.</param>
public sealed record GlueMedian(
    string Task, GlueMetric Metric, double Median, double Minimum, double Maximum, double StandardDeviation, int Seeds, bool Subset)
{
    /// <summary>Medians of scores, in which each (task, metric) stands once per seed; in the order of first appearance.</summary>
    public static IReadOnlyList<GlueMedian> Over(IEnumerable<GlueScore> scores) =>
        [.. scores.GroupBy(score => (score.Task, score.Metric)).Select(group =>
        {
            double[] values = [.. group.Select(score => score.Value).Order()];
            int middle = values.Length / 2;
            double median = values.Length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
            double mean = values.Average();
            double deviation = values.Length == 1 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
            return new GlueMedian(group.Key.Task, group.Key.Metric, median, values[0], values[^1], deviation, values.Length, group.Any(score => score.Subset));
        })];
}
