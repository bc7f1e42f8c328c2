using CramGrains.Model.Evaluation;
using GlueAverage = CramGrains.Interfaces.Runs.GlueAverage;
using GlueScore = CramGrains.Interfaces.Runs.GlueScore;

namespace CramGrains.Silo.Evaluation;

/// <summary>The one place where scores of tasks and seeds become the named averages of a report.</summary>
internal static class GlueSummary
{
    /// <summary>The averages whose tasks were all run, over the medians of the seeds; one that rests on a subset says so.</summary>
    public static IReadOnlyList<GlueAverage> Averages(IReadOnlyList<GlueScore> scores) =>
    [
        .. GlueAverages.Over(scores.Select(score => new Model.Evaluation.GlueScore(score.Task, GlueMetricNames.Of(score.Metric), score.Value, score.Subset)))
            .Where(average => average.Value is not null)
            .Select(average => new GlueAverage(average.Name, average.Value!.Value, average.Subset)),
    ];
}
