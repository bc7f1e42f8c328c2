using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Data;

/// <summary>Has a corpus prepared by a worker process, once, and remembers how that ended.</summary>
[Immovable]
internal sealed class CorpusGrain(
    [PersistentState("corpus", "cram")] IPersistentState<CorpusRecord> storage,
    IOptions<RunOptions> options,
    IOptions<SiloOptions> silo,
    HomeFolder home,
    SiloClock clock,
    ILogger<CorpusGrain> logger) : ReconcilingGrain<CorpusRecord>(storage, options, logger), ICorpusGrain
{
    private RunProgress? _progress;

    protected override bool Unfinished => State.State == CorpusState.Preparing;

    private string Request => this.GetPrimaryKeyString();

    private AttemptDriver Driver => new(GrainFactory, Options, clock, State.Attempt, SaveAsync);

    private WorkItem Item => new($"corpus/{Request}", null, WorkerJob.PrepareCorpus, this.GetGrainId().ToString(), State.Order!.OrderedAt, RequiredMachine: State.Order.Machine);

    public async Task<CorpusView> EnsureAsync(CorpusOrder order)
    {
        bool newcomer = State.AskedBy.Add(order.RunId);
        if (State.State == CorpusState.Absent || (newcomer && (State.State == CorpusState.Failed || IsGone())))
        {
            State.State = CorpusState.Preparing;
            State.Order = order;
            State.Attempt = new AttemptRecord { Number = State.Attempt.Number };
            State.Reason = TerminationReason.None;
            State.Message = "waits for its preparation";
            State.Notices = [];
            await SaveAsync();
        }
        else if (newcomer)
        {
            await SaveAsync();
        }

        KeepGoing();
        return new CorpusView(State.State, State.Reason, State.Message, State.Order!.Machine, State.Tokens, _progress, State.Notices, State.Digest);
    }

    public async Task ForgetAsync(string runId)
    {
        if (State.AskedBy.Remove(runId))
        {
            await SaveAsync();
            Resume();
        }
    }

    protected override async Task<bool> AdvanceAsync()
    {
        if (State.AskedBy.Count == 0 && await Driver.StopAsync(Item, TerminationReason.Cancelled))
        {
            return await EndAsync(CorpusState.Absent, TerminationReason.Cancelled, "nobody needs it any more");
        }

        AttemptStep step = await Driver.AdvanceAsync(Item, epoch => Task.FromResult<WorkOrder?>(
            new WorkOrder(Request, epoch, WorkerJob.PrepareCorpus, State.Order!.RecipeJson, Request, GlueFolder: State.Order.GlueFolder)));
        switch (step)
        {
            case AttemptWaits waits:
                State.Message = waits.Reason;
                Pause();
                return false;
            case AttemptBegan:
                return true;
            case AttemptRuns runs:
                Resume();
                State.Message = runs.Status.Message;
                _progress = runs.Status.Progress;
                return false;
            case AttemptRetries retries:
                State.Message = $"trying again: {retries.Message}";
                Resume();
                return true;
            case AttemptEnded { Reason: TerminationReason.Completed, Status.Result.CorpusDigest: { } digest } done:
                State.Digest = digest;
                State.Tokens = done.Status.Result.CorpusTokens;
                State.Notices = [.. done.Status.Notices];
                return await EndAsync(CorpusState.Ready, TerminationReason.None, done.Message);
            case AttemptEnded { Reason: TerminationReason.Cancelled } stopped:
                // Somebody may have asked again while the worker was stopping.
                State.Attempt = new AttemptRecord { Number = State.Attempt.Number };
                return await EndAsync(State.AskedBy.Count == 0 ? CorpusState.Absent : CorpusState.Preparing, TerminationReason.None, stopped.Message);
            case AttemptEnded { Reason: TerminationReason.Completed }:
                return await EndAsync(CorpusState.Failed, TerminationReason.WorkerFailed, "the worker did not say which corpus it made");
            case AttemptEnded failed:
                return await EndAsync(CorpusState.Failed, failed.Reason, failed.Message);
            default:
                throw new InvalidOperationException($"unknown step {step}");
        }
    }

    /// <summary>A corpus of this machine that was ready, and whose folder somebody has since removed.</summary>
    private bool IsGone() =>
        State.State == CorpusState.Ready && State.Order!.Machine == silo.Value.Machine && !Directory.Exists(home.Corpus(State.Digest!));

    private async Task<bool> EndAsync(CorpusState state, TerminationReason reason, string message)
    {
        State.State = state;
        State.Reason = reason;
        State.Message = message;
        _progress = null;
        await SaveAsync();
        return Unfinished;
    }
}
