namespace CramGrains.Model.Evaluation;

/// <summary>The metrics of GLUE. Values are fractions, not percent: in [-1, 1] for correlations, in [0, 1] for the rest.</summary>
public enum GlueMetric
{
    /// <summary>Matthews correlation.</summary>
    Mcc = 1,

    /// <summary>Fraction of examples with the right label.</summary>
    Accuracy = 2,

    /// <summary>Binary F1 of label 1.</summary>
    F1 = 3,

    /// <summary>Pearson correlation.</summary>
    Pearson = 4,

    /// <summary>Spearman rank correlation, ties at their average rank.</summary>
    Spearman = 5,
}

/// <summary>Names of metrics as reports and JSON write them.</summary>
public static class GlueMetricNames
{
    /// <summary><c>mcc</c>, <c>accuracy</c>, <c>f1</c>, <c>pearson</c> or <c>spearman</c>.</summary>
    public static string Id(this GlueMetric metric) => metric switch
    {
        GlueMetric.Mcc => "mcc",
        GlueMetric.Accuracy => "accuracy",
        GlueMetric.F1 => "f1",
        GlueMetric.Pearson => "pearson",
        GlueMetric.Spearman => "spearman",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "Not a GLUE metric."),
    };

    /// <summary>The metric of a name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such metric.</exception>
    public static GlueMetric Of(string id) => Enum.GetValues<GlueMetric>().Where(metric => metric.Id() == id).ToArray() is [var metric]
        ? metric
        : throw new ArgumentOutOfRangeException(nameof(id), id, "Not the name of a GLUE metric.");
}
