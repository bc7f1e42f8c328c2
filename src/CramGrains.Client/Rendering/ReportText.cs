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
            ("track", report.Track),
            ("budget", $"{Budget(report)}, {report.Attempts} attempt(s)"),
            ("compute", report.Exaflop is { } exaflop ? $"{Figures.Exaflop(exaflop)} of model operations{Peak(report)}" : null),
            ("device", report.Device is null ? null : report.Engine is null ? report.Device : $"{report.Device}, {report.Engine} engine"),
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
            Columns.Print(["GLUE task", "metric", "median", "sd", "seeds", "values"], report.Glue.GroupBy(score => (score.Task, score.Metric)).Select(Row));
            foreach (var average in report.Averages)
            {
                Console.Out.WriteLine($"{average.Name}: {Score(average.Value)}{(average.Subset ? " (subset: not comparable with published GLUE)" : "")}");
            }
        }
    }

    private static string[] Row(IGrouping<(string Task, string Metric), GlueScore> scores)
    {
        double[] values = [.. scores.Select(score => score.Value).Order()];
        var subset = scores.Any(score => score.Subset) ? " (subset)" : "";
        return [scores.Key.Task + subset, scores.Key.Metric, Score(Median(values)), Score(Deviation(values)), values.Length.ToString(CultureInfo.InvariantCulture), string.Join(' ', values.Select(Score))];
    }

    private static string Budget(RunReport report)
    {
        var used = $"{Figures.Duration(report.BudgetUsedSeconds)} used";
        if (report.BudgetSeconds > 0)
        {
            return $"{used} of {Figures.Duration(report.BudgetSeconds)}";
        }

        using var recipe = System.Text.Json.JsonDocument.Parse(report.RecipeJson);
        return recipe.RootElement.TryGetProperty("budget_tokens", out var tokens) ? $"{used}; {Figures.Count(report.TokensSeen)} of {Figures.Count(tokens.GetDouble())} tokens"
            : recipe.RootElement.TryGetProperty("budget_exaflop", out var compute) ? $"{used}; {Figures.Exaflop(report.Exaflop ?? 0)} of {Figures.Exaflop(compute.GetDouble())}"
            : used;
    }

    private static string Peak(RunReport report) => report is { PeakExaflop: { } peak, Mfu: { } mfu }
        ? string.Create(CultureInfo.InvariantCulture, $"; {Figures.Exaflop(peak)} at the device's peak, MFU {100 * mfu:F1} %")
        : "; the device's peak is not known";

    /// <summary>Standard deviation over the seeds (n - 1); 0 for one.</summary>
    private static double Deviation(double[] values)
    {
        var mean = values.Average();
        return values.Length == 1 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
    }

    private static double Median(double[] sorted) => (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;

    private static string Score(double value) => (100 * value).ToString("F1", CultureInfo.InvariantCulture);
}
