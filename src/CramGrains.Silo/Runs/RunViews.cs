using CramGrains.Interfaces.Runs;
using CramGrains.Model.Training;
using CramGrains.Silo.Evaluation;

namespace CramGrains.Silo.Runs;

/// <summary>A run's durable state as others see it.</summary>
internal static class RunViews
{
    public static RunView View(
        string runId, RunRecord run, RunProgress? progress, DateTimeOffset? estimatedStart = null, DateTimeOffset? estimatedEnd = null) => new(
        runId, run.Name, run.Request!.User, run.State, run.Reason, run.Message, run.SubmittedAt, run.EndedAt, run.RecipeDigest, run.CorpusDigest,
        run.Pretraining.DeviceId, run.Pretraining.Epoch, run.Pretraining.Number, run.BudgetSeconds, run.BudgetUsedSeconds, progress, Notices(runId, run),
        run.Request.Priority, run.Request.After, run.State.IsFinal() ? null : run.HeldBy, run.Request.Requeue, estimatedStart, estimatedEnd, run.Track);

    public static RunReport Report(string runId, RunRecord run, RunProgress? progress)
    {
        RunProgress? trained = run.State == RunState.Pretraining ? progress : run.Progress;
        long tokens = run.Result?.TokensSeen ?? trained?.TokensSeen ?? 0;
        string? device = run.Pretraining.DeviceId is { } id && run.Result?.DeviceName is { } name ? $"{id} ({name})" : run.Pretraining.DeviceId;
        ComputeUse? compute = run.Result?.ExaflopUsed is { } exaflop ? ComputeUse.Of(run.BudgetUsedSeconds, exaflop, run.Result.PeakTeraflops) : null;
        List<GlueScore> scores = [.. run.Glue.SelectMany(g => g.Scores)];
        return new RunReport(
            runId, run.Name, run.State, run.Reason, run.Message, run.BudgetSeconds, run.BudgetUsedSeconds,
            run.Result?.OptimizerSteps ?? trained?.OptimizerSteps ?? 0,
            tokens,
            run.BudgetUsedSeconds > 0 ? tokens / run.BudgetUsedSeconds : 0,
            run.Result?.HeldOutLossInitial ?? run.HeldOutLossInitial,
            run.Result?.HeldOutLoss ?? trained?.HeldOutLossNats,
            run.Pretraining.Number, run.Result?.Checkpoint, run.Result?.Parameters, device, run.Result?.Engine,
            run.CorpusDigest, run.CorpusTokens, run.RecipeDigest, run.RecipeJson, scores, GlueSummary.Averages(scores), Notices(runId, run),
            compute?.Exaflop, compute?.PeakExaflop, compute?.ModelFlopsUtilization, run.Track);
    }

    /// <summary>A sentence stands for those that were left out; always the same one, since whoever watches prints each notice that is new.</summary>
    private static List<string> Notices(string runId, RunRecord run) => run.NoticesLeftOut == 0 ? [.. run.Notices] :
    [
        .. run.Notices.Take(RunRecord.NoticesKept / 2),
        $"(Notices of a long run are left out here; `cram logs {runId}` has them all.)",
        .. run.Notices.Skip(RunRecord.NoticesKept / 2),
    ];
}
