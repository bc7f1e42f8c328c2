using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Evaluation;

/// <summary>The one place where scores of tasks and seeds become the named averages of a report.</summary>
internal static class GlueSummary
{
    public static IReadOnlyList<GlueAverage> Averages(IReadOnlyList<GlueScore> scores) => [];
}
