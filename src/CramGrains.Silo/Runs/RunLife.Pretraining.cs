using System.Globalization;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Runs;

/// <summary>Pretraining: attempts, what they leave behind, and how they are interrupted.</summary>
internal sealed partial class RunLife
{
    private DateTimeOffset _progressLoggedAt;

    private AttemptDriver Driver => new(
        world.Scheduler, world.Trainer,
        epoch => world.Budget.BeginAttemptAsync(epoch + 1, state.BudgetUsedSeconds), // any later epoch closes it to this one; the next attempt's is at least that
        options, clock, state.Pretraining, world.SaveAsync);

    private WorkItem PretrainItem => new(
        $"{RunId}/pretrain", RunId, WorkerJob.Pretrain, world.Owner, state.SubmittedAt, state.Request!.Priority, BoundTo,
        Policy: Policy, ExpectedSeconds: state.BudgetSeconds > 0 ? Math.Max(1, Math.Round(state.BudgetSeconds - state.BudgetUsedSeconds)) : 0);

    private async Task<bool> PretrainAsync()
    {
        switch (await Driver.AdvanceAsync(PretrainItem, OrderPretrainingAsync))
        {
            case AttemptWaits waits:
                return Wait(waits.Reason, waits.EstimatedStart);
            case AttemptBegan began:
                return await EnterAsync(RunState.Pretraining, $"attempt {began.Number} on {began.DeviceId}, lease epoch {began.Epoch}");
            case AttemptRuns runs:
                world.LookOften();
                return await FollowAsync(runs.Status);
            case AttemptRetries retries:
                await TakeOverAsync(retries.Status);
                Notice($"pretraining attempt {state.Pretraining.Number} ended ({Words.Of(retries.Reason)}: {retries.Message}); going on from the last checkpoint");
                return await EnterAsync(RunState.Waiting, "waits for a device to go on");
            case AttemptEnded ended:
                return await EndPretrainingAsync(ended);
            case var step:
                throw new InvalidOperationException($"unknown step {step}");
        }
    }

    private async Task<bool> EndPretrainingAsync(AttemptEnded ended)
    {
        await TakeOverAsync(ended.Status);
        state.Result = ended.Status?.Result;
        return ended.Reason != TerminationReason.Completed ? await EndAsync(ended.Reason, ended.Message)
            : state.Glue.Count > 0 ? await EnterAsync(RunState.FineTuning, $"pretraining done; {state.Glue.Count} fine-tunings to do")
            : await EndAsync(TerminationReason.Completed, "pretraining done");
    }

    /// <summary>Ends the attempt that is under way, if there is one.</summary>
    /// <returns>Null while it is still ending; an <see cref="AttemptEnded"/> when it came to its end by itself first; else a step that says that nothing runs any more.</returns>
    private async Task<AttemptStep?> InterruptAsync(TerminationReason reason)
    {
        if (await Driver.StopAsync(PretrainItem, reason))
        {
            return new AttemptWaits("stopped");
        }

        AttemptStep step = await Driver.AdvanceAsync(PretrainItem, OrderPretrainingAsync);
        if (step is AttemptRetries retries)
        {
            await TakeOverAsync(retries.Status);
        }

        return step is AttemptRetries or AttemptEnded ? step : null; // it checkpoints and ends by itself; the trainer insists
    }

    private async Task<bool> PauseStepAsync()
    {
        RunState goesOnIn = state.State;
        if (state.State == RunState.Preparing)
        {
            await Corpus.ForgetAsync(RunId);
        }
        else if (state.State is RunState.Waiting or RunState.Pretraining)
        {
            goesOnIn = RunState.Waiting;
            switch (await InterruptAsync(TerminationReason.Paused))
            {
                case null:
                    return false;
                case AttemptEnded ended:
                    return await EndPretrainingAsync(ended);
            }
        }

        state.PausedIn = goesOnIn;
        return await EnterAsync(RunState.Paused, $"paused by {state.PausedBy}; `cram resume {RunId}` goes on");
    }

    private async Task<bool> RequeueStepAsync()
    {
        switch (await InterruptAsync(TerminationReason.Requeued))
        {
            case null:
                return false;
            case AttemptEnded ended:
                return await EndPretrainingAsync(ended);
        }

        string by = state.RequeuedBy!;
        state.RequeuedBy = null;
        (state.Pretraining.Failures, state.Pretraining.NotBefore) = (0, null);
        return await EnterAsync(RunState.Waiting, $"sent back to the queue by {by}");
    }

    private async Task<bool> CancelStepAsync()
    {
        switch (state.State)
        {
            case RunState.Preparing:
                await Corpus.ForgetAsync(RunId);
                break;
            case RunState.Waiting or RunState.Pretraining:
                switch (await InterruptAsync(TerminationReason.Cancelled))
                {
                    case null:
                        return false;
                    case AttemptEnded ended:
                        await TakeOverAsync(ended.Status);
                        state.Result = ended.Status?.Result;
                        break;
                }

                break;
            case RunState.FineTuning when !await CancelFineTuningAsync():
                return false;
        }

        return await EndAsync(TerminationReason.Cancelled, $"cancelled by {state.CancelledBy}");
    }

    /// <summary>Opens the budget for the epoch, which closes it to every earlier one, and makes the order with what has been used.</summary>
    private async Task<WorkOrder?> OrderPretrainingAsync(long epoch)
    {
        BudgetReading budget = await world.Budget.BeginAttemptAsync(epoch, state.BudgetUsedSeconds);
        return budget.Accepted
            ? new WorkOrder(RunId, epoch, WorkerJob.Pretrain, state.RecipeJson, state.CorpusDigest!, budget.UsedSeconds)
            : null;
    }

    private async Task<bool> FollowAsync(WorkerStatus status)
    {
        if (state.State != RunState.Pretraining)
        {
            // The silo died between the grant and the change of state.
            return await EnterAsync(RunState.Pretraining, $"attempt {state.Pretraining.Number} on {state.Pretraining.DeviceId}, lease epoch {state.Pretraining.Epoch}");
        }

        state.BudgetUsedSeconds = Math.Max(state.BudgetUsedSeconds, status.BudgetUsedSeconds);
        state.Progress = status.Progress ?? state.Progress;
        bool newFacts = TakeNotices(status);
        if (state.HeldOutLossInitial is null && status.Progress?.HeldOutLossNats is { } initial)
        {
            state.HeldOutLossInitial = initial;
            newFacts = true;
        }

        Show(status.Message, status.Progress);
        if (newFacts)
        {
            await world.SaveAsync();
            world.Publish(milestone: true);
        }

        if (status.Progress is { } progress && clock.UtcNow - _progressLoggedAt >= TimeSpan.FromSeconds(options.ProgressLogSeconds))
        {
            _progressLoggedAt = clock.UtcNow;
            world.Note(string.Create(CultureInfo.InvariantCulture,
                $"step {progress.OptimizerSteps} loss {progress.LossNats:0.0000} held-out {progress.HeldOutLossNats:0.0000} lr {progress.LearningRate:0.0e0} " +
                $"tokens/s {progress.TokensPerSecond:0} budget used {state.BudgetUsedSeconds:0.0} s"));
        }

        return false;
    }

    /// <summary>What an attempt leaves behind, however it ended.</summary>
    private async Task TakeOverAsync(WorkerStatus? status)
    {
        BudgetReading budget = await world.Budget.ReadAsync();
        state.BudgetUsedSeconds = Math.Max(state.BudgetUsedSeconds, budget.UsedSeconds);
        if (status is not null)
        {
            state.Progress = status.Progress ?? state.Progress;
            TakeNotices(status);
        }
    }
}
