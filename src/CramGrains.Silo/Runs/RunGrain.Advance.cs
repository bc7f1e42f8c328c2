using System.Globalization;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Runs;

/// <summary>The state machine: each call looks at where the run stands and takes one durable step.</summary>
internal sealed partial class RunGrain
{
    private AttemptDriver Driver => new(GrainFactory, Options, _clock, State.Pretraining, SaveAsync);

    private WorkItem PretrainItem => new(
        $"{RunId}/pretrain", RunId, WorkerJob.Pretrain, this.GetGrainId().ToString(), State.SubmittedAt, RequiredMachine: State.Machine);

    private ICorpusGrain Corpus => GrainFactory.GetGrain<ICorpusGrain>(State.CorpusRequest);

    protected override Task<bool> AdvanceAsync() => State switch
    {
        { State: var state } when state.IsFinal() => RetireAsync(),
        { CancelledBy: not null } => CancelStepAsync(),
        { State: RunState.Queued } => EnterAsync(RunState.Preparing, "preparing the corpus"),
        { State: RunState.Preparing } => PrepareAsync(),
        { State: RunState.Waiting or RunState.Pretraining } => PretrainAsync(),
        { State: RunState.FineTuning } => FineTuneAsync(),
        _ => throw new InvalidOperationException($"run {RunId} is in unknown state {State.State}"),
    };

    private async Task<bool> PrepareAsync()
    {
        CorpusView corpus = await Corpus.EnsureAsync(new CorpusOrder(RunId, State.RecipeJson, State.Machine, State.SubmittedAt, State.Request!.GlueFolder));
        switch (corpus.State)
        {
            case CorpusState.Ready:
                State.CorpusDigest = corpus.Digest;
                State.CorpusTokens = corpus.Tokens;
                State.Machine = corpus.Machine;
                AddNotices(corpus.Notices);
                return await EnterAsync(RunState.Waiting, "waits for a device to pretrain on");
            case CorpusState.Failed:
                return await EndAsync(corpus.Reason, $"the corpus could not be prepared: {corpus.Message}");
            default:
                Show(corpus.Message, corpus.Progress);
                return false;
        }
    }

    private async Task<bool> PretrainAsync()
    {
        switch (await Driver.AdvanceAsync(PretrainItem, OrderPretrainingAsync))
        {
            case AttemptWaits waits:
                Pause();
                Show(waits.Reason, _progress);
                return false;
            case AttemptBegan began:
                return await EnterAsync(RunState.Pretraining, $"attempt {began.Number} on {began.DeviceId}, lease epoch {began.Epoch}");
            case AttemptRuns runs:
                Resume();
                return await FollowAsync(runs.Status);
            case AttemptRetries retries:
                await TakeOverAsync(retries.Status);
                Notice($"pretraining attempt {State.Pretraining.Number} ended ({Words.Of(retries.Reason)}: {retries.Message}); going on from the last checkpoint");
                return await EnterAsync(RunState.Waiting, "waits for a device to go on");
            case AttemptEnded { Reason: TerminationReason.Completed } done:
                await TakeOverAsync(done.Status);
                State.Result = done.Status?.Result;
                return State.Glue.Count > 0
                    ? await EnterAsync(RunState.FineTuning, $"pretraining done; {State.Glue.Count} fine-tunings to do")
                    : await EndAsync(TerminationReason.Completed, "pretraining done");
            case AttemptEnded ended:
                await TakeOverAsync(ended.Status);
                State.Result = ended.Status?.Result;
                return await EndAsync(ended.Reason, ended.Message);
            case var step:
                throw new InvalidOperationException($"unknown step {step}");
        }
    }

    /// <summary>Opens the budget for the epoch, which closes it to every earlier one, and makes the order with what has been used.</summary>
    private async Task<WorkOrder?> OrderPretrainingAsync(long epoch)
    {
        BudgetReading budget = await GrainFactory.GetGrain<IBudgetClockGrain>(RunId).BeginAttemptAsync(epoch, State.BudgetUsedSeconds);
        return budget.Accepted
            ? new WorkOrder(RunId, epoch, WorkerJob.Pretrain, State.RecipeJson, State.CorpusDigest!, budget.UsedSeconds)
            : null;
    }

    private async Task<bool> FollowAsync(WorkerStatus status)
    {
        if (State.State != RunState.Pretraining)
        {
            // The silo died between the grant and the change of state.
            return await EnterAsync(RunState.Pretraining, $"attempt {State.Pretraining.Number} on {State.Pretraining.DeviceId}, lease epoch {State.Pretraining.Epoch}");
        }

        State.BudgetUsedSeconds = Math.Max(State.BudgetUsedSeconds, status.BudgetUsedSeconds);
        State.Progress = status.Progress ?? State.Progress;
        bool newFacts = TakeNotices(status);
        if (State.HeldOutLossInitial is null && status.Progress?.HeldOutLossNats is { } initial)
        {
            State.HeldOutLossInitial = initial;
            newFacts = true;
        }

        Show(status.Message, status.Progress);
        if (newFacts)
        {
            await SaveAsync();
            Publish(milestone: true);
        }

        if (status.Progress is { } progress && _clock.UtcNow - _progressLoggedAt >= TimeSpan.FromSeconds(Options.ProgressLogSeconds))
        {
            _progressLoggedAt = _clock.UtcNow;
            Note(string.Create(CultureInfo.InvariantCulture,
                $"step {progress.OptimizerSteps} loss {progress.LossNats:0.0000} held-out {progress.HeldOutLossNats:0.0000} lr {progress.LearningRate:0.0e0} " +
                $"tokens/s {progress.TokensPerSecond:0} budget used {State.BudgetUsedSeconds:0.0} s"));
        }

        return false;
    }

    private async Task<bool> FineTuneAsync()
    {
        bool changed = false;
        GlueTaskView? shown = null;
        foreach (GlueItem item in State.Glue.Where(g => !g.Ended))
        {
            GlueTaskView view = await GlueTask(item).EnsureAsync(new GlueTaskOrder(
                RunId, item.Task, item.Seed, State.RecipeJson, State.CorpusDigest!, State.Request!.GlueFolder!, State.Machine, State.SubmittedAt));
            if (view.Ended)
            {
                Settle(item, view);
                changed = true;
            }
            else if (shown?.Progress is null && (shown is null || view.Progress is not null))
            {
                shown = view; // the first that is at work, else the first that waits
            }
        }

        int ended = State.Glue.Count(g => g.Ended);
        if (ended == State.Glue.Count)
        {
            return await EndFineTuningAsync();
        }

        Show(string.Create(CultureInfo.InvariantCulture, $"{ended} of {State.Glue.Count} fine-tunings done; {shown?.Message}"), shown?.Progress);
        if (changed)
        {
            await SaveAsync();
        }

        return false;
    }

    private void Settle(GlueItem item, GlueTaskView view)
    {
        item.Ended = true;
        item.Reason = view.Reason;
        item.Message = view.Message;
        item.Scores = [.. view.Scores];
        AddNotices(view.Notices);
        Note(view.Reason == TerminationReason.Completed
            ? $"{item.Task} seed {item.Seed}: " + string.Join(", ", view.Scores.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Task} {s.Metric} {s.Value:0.0000}")))
            : $"{item.Task} seed {item.Seed} ended: {Words.Of(view.Reason)}: {view.Message}");
        foreach (GlueScore score in view.Scores)
        {
            _metrics.PublishScore(RunId, score);
        }
    }

    /// <summary>A fine-tuning that fails keeps none of the others from being measured; the run then ends with its reason, and the scores are kept.</summary>
    private Task<bool> EndFineTuningAsync()
    {
        List<GlueItem> failed = [.. State.Glue.Where(g => g.Reason != TerminationReason.Completed)];
        return failed.Count == 0
            ? EndAsync(TerminationReason.Completed, $"pretraining and {State.Glue.Count} fine-tunings done")
            : EndAsync(failed[0].Reason, string.Join("; ", failed.Select(f => $"{f.Task} seed {f.Seed}: {f.Message}")));
    }

    private async Task<bool> CancelStepAsync()
    {
        switch (State.State)
        {
            case RunState.Preparing:
                await Corpus.ForgetAsync(RunId);
                break;
            case RunState.Waiting or RunState.Pretraining when !await Driver.StopAsync(PretrainItem, TerminationReason.Cancelled):
                switch (await Driver.AdvanceAsync(PretrainItem, OrderPretrainingAsync))
                {
                    case AttemptEnded ended:
                        await TakeOverAsync(ended.Status);
                        State.Result = ended.Status?.Result;
                        break;
                    case AttemptRetries retries:
                        await TakeOverAsync(retries.Status);
                        break;
                    default:
                        return false; // it checkpoints and ends by itself; the trainer insists
                }

                break;
            case RunState.FineTuning when !await CancelFineTuningAsync():
                return false;
        }

        return await EndAsync(TerminationReason.Cancelled, $"cancelled by {State.CancelledBy}");
    }

    private async Task<bool> CancelFineTuningAsync()
    {
        foreach (GlueItem item in State.Glue.Where(g => !g.Ended))
        {
            IGlueTaskGrain task = GlueTask(item);
            await task.CancelAsync();
            GlueTaskView view = await task.EnsureAsync(new GlueTaskOrder(
                RunId, item.Task, item.Seed, State.RecipeJson, State.CorpusDigest!, State.Request!.GlueFolder!, State.Machine, State.SubmittedAt));
            if (view.Ended)
            {
                Settle(item, view);
            }
        }

        return State.Glue.TrueForAll(g => g.Ended);
    }

    private IGlueTaskGrain GlueTask(GlueItem item) =>
        GrainFactory.GetGrain<IGlueTaskGrain>(string.Create(CultureInfo.InvariantCulture, $"{RunId}/{item.Task}/{item.Seed}"));

    private async Task<bool> EnterAsync(RunState state, string message)
    {
        State.State = state;
        State.Message = message;
        State.History.Add(new RunHistoryEntry(_clock.UtcNow, state, message));
        _progress = null;
        await SaveAsync();
        Announce(message);
        return true;
    }

    private async Task<bool> EndAsync(TerminationReason reason, string message)
    {
        BudgetReading budget = await GrainFactory.GetGrain<IBudgetClockGrain>(RunId).ReadAsync();
        State.BudgetUsedSeconds = Math.Max(State.BudgetUsedSeconds, budget.UsedSeconds);
        State.Reason = reason;
        State.EndedAt = _clock.UtcNow;
        await EnterAsync(TerminationReasons.FinalState(reason), message);
        return true;
    }

    /// <summary>Last steps of a run that has ended: nobody needs to look after it any more.</summary>
    private async Task<bool> RetireAsync()
    {
        await Scheduler.RunEndedAsync(RunId);
        await ForgetReminderAsync();
        State.Retired = true;
        await SaveAsync();
        return false;
    }

    private void Announce(string message)
    {
        string reason = State.Reason == TerminationReason.None ? "" : $" ({Words.Of(State.Reason)})";
        Note($"{Words.Of(State.State)}{reason}: {message}");
        LogState(_logger, RunId, State.State, message);
        Publish(milestone: true);
    }

    /// <summary>Tells watchers what is going on, without a write: it is lost at a crash and found again at the next look.</summary>
    private void Show(string message, RunProgress? progress)
    {
        if (message != State.Message || progress != _progress)
        {
            State.Message = message;
            _progress = progress;
            Publish(milestone: false);
        }
    }

    /// <summary>What an attempt leaves behind, however it ended.</summary>
    private async Task TakeOverAsync(WorkerStatus? status)
    {
        BudgetReading budget = await GrainFactory.GetGrain<IBudgetClockGrain>(RunId).ReadAsync();
        State.BudgetUsedSeconds = Math.Max(State.BudgetUsedSeconds, budget.UsedSeconds);
        if (status is not null)
        {
            State.Progress = status.Progress ?? State.Progress;
            TakeNotices(status);
        }
    }

    private bool TakeNotices(WorkerStatus status)
    {
        List<string> unseen = [.. status.Notices.Skip(State.Pretraining.NoticesSeen)];
        State.Pretraining.NoticesSeen = status.Notices.Count;
        unseen.ForEach(Notice);
        return unseen.Count > 0;
    }

    private void AddNotices(IEnumerable<string> notices)
    {
        foreach (string notice in notices.Where(n => !State.Notices.Contains(n)))
        {
            Notice(notice);
        }
    }

    private void Notice(string notice)
    {
        State.Notices.Add(notice);
        Note($"notice: {notice}");
    }
}
