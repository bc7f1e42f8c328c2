using System.Globalization;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Rendering;

/// <summary>The report of a run for people.</summary>
internal static class ReportText
{
    /// <summary>Prints it.</summary>
    public static void Print(RunReport report)
    {
        Columns.Print(
        [
            ("run", $"{report.RunId} ({report.Name})"),
            ("state", report.Reason == TerminationReason.None ? Figures.Word(report.State) : $"{Figures.Word(report.State)}, {Figures.Word(report.Reason)}: {report.Message}"),
            ("budget", $"{Figures.Duration(report.BudgetUsedSeconds)} used of {Figures.Duration(report.BudgetSeconds)}, {report.Attempts} attempt(s)"),
            ("device", report.Device is null ? null : $"{report.Device}, {report.Engine} engine"),
            ("model", report.Parameters is { } parameters ? $"{Figures.Count(parameters)} parameters" : null),
            ("corpus", report.CorpusTokens is { } tokens ? $"{Figures.Count(tokens)} tokens, {report.CorpusDigest}" : null),
            ("training", report.OptimizerSteps == 0 ? null
                : $"{report.OptimizerSteps} optimizer steps, {Figures.Count(report.TokensSeen)} tokens, {Figures.Count(report.TokensPerSecond)} tokens/s"),
            ("held-out", report.HeldoutLossInitial is null ? null : $"{Figures.Loss(report.HeldoutLossInitial)} -> {Figures.Loss(report.HeldoutLoss)} nats"),
            ("checkpoint", report.Checkpoint),
        ]);
        foreach (var notice in report.Notices)
        {
            Console.Out.WriteLine($"note: {notice}");
        }

        if (report.Glue.Count > 0)
        {
            Console.Out.WriteLine();
            Columns.Print(["GLUE task", "metric", "median", "seeds", "values"], report.Glue.GroupBy(score => (score.Task, score.Metric)).Select(Row));
            foreach (var average in report.Averages)
            {
                Console.Out.WriteLine($"{average.Name}: {Score(average.Value)}");
            }
        }
    }

    private static string[] Row(IGrouping<(string Task, string Metric), GlueScore> scores)
    {
        double[] values = [.. scores.Select(score => score.Value).Order()];
        var subset = scores.Any(score => score.Subset) ? " (subset)" : "";
        return [scores.Key.Task + subset, scores.Key.Metric, Score(Median(values)), values.Length.ToString(CultureInfo.InvariantCulture), string.Join(' ', values.Select(Score))];
    }

    private static double Median(double[] sorted) => (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;

    private static string Score(double value) => (100 * value).ToString("F1", CultureInfo.InvariantCulture);
}
