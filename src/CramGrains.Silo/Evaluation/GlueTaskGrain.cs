using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Evaluation;

/// <summary>Durable state of a fine-tuning.</summary>
internal sealed class GlueTaskRecord
{
    public GlueTaskOrder? Order { get; set; }

    public AttemptRecord Attempt { get; set; } = new();

    public bool CancelAsked { get; set; }

    public bool Ended { get; set; }

    public TerminationReason Reason { get; set; }

    public string Message { get; set; } = "";

    public List<GlueScore> Scores { get; set; } = [];

    public List<string> Notices { get; set; } = [];
}

/// <summary>Has one task fine-tuned and evaluated on any free device.</summary>
[Immovable, CollectionAgeLimit(Minutes = 2)]
internal sealed class GlueTaskGrain(
    [PersistentState("glue-task", "cram")] IPersistentState<GlueTaskRecord> storage,
    IOptions<RunOptions> options,
    SiloClock clock,
    ILogger<GlueTaskGrain> logger) : ReconcilingGrain<GlueTaskRecord>(storage, options, logger), IGlueTaskGrain
{
    // A fine-tuning takes minutes; a guess for the estimates of those that wait.
    private const double ExpectedSeconds = 600;

    private RunProgress? _progress;

    protected override bool Unfinished => State.Order is not null && !State.Ended;

    private AttemptDriver Driver => new(GrainFactory, Options, clock, State.Attempt, SaveAsync);

    private WorkItem Item => new(
        this.GetPrimaryKeyString(), State.Order!.RunId, WorkerJob.FineTune, this.GetGrainId().ToString(), State.Order.OrderedAt, State.Order.Priority,
        State.Order.Machine, Policy: State.Order.Policy, ExpectedSeconds: ExpectedSeconds);

    public async Task<GlueTaskView> EnsureAsync(GlueTaskOrder order)
    {
        if (State.Order is null)
        {
            State.Order = order;
            State.Message = "waits for a free device";
            await SaveAsync();
        }
        else if (State.Order.Policy != order.Policy)
        {
            State.Order = State.Order with { Policy = order.Policy }; // not worth a write: the run says it at every look
            Resume();
        }

        KeepGoing();
        return new GlueTaskView(State.Ended, State.Reason, State.Message, _progress, State.Scores, State.Notices);
    }

    public async Task CancelAsync()
    {
        if (!State.Ended && !State.CancelAsked)
        {
            State.CancelAsked = true;
            State.Ended = State.Order is null; // nothing was ever asked for
            State.Reason = State.Ended ? TerminationReason.Cancelled : State.Reason;
            await SaveAsync();
        }

        Resume();
        KeepGoing();
    }

    protected override AttemptRecord Attempt => State.Attempt;

    protected override async Task<bool> AdvanceAsync()
    {
        if (State.CancelAsked && await Driver.StopAsync(Item, TerminationReason.Cancelled))
        {
            return await EndAsync(TerminationReason.Cancelled, "cancelled", null);
        }

        GlueTaskOrder order = State.Order!;
        AttemptStep step = await Driver.AdvanceAsync(Item, epoch => Task.FromResult<WorkOrder?>(new WorkOrder(
            order.RunId, epoch, WorkerJob.FineTune, order.RecipeJson, order.CorpusDigest, 0, order.GlueFolder, order.Task, order.Seed)));
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
                Resume();
                State.Notices.Add($"{order.Task} seed {order.Seed}: an attempt ended ({Words.Of(retries.Reason)}: {retries.Message}); trying again");
                await SaveAsync();
                return true;
            case AttemptEnded ended:
                return await EndAsync(State.CancelAsked ? TerminationReason.Cancelled : ended.Reason, ended.Message, ended.Status);
            default:
                throw new InvalidOperationException($"unknown step {step}");
        }
    }

    private async Task<bool> EndAsync(TerminationReason reason, string message, WorkerStatus? status)
    {
        State.Ended = true;
        State.Reason = reason;
        State.Message = message;
        State.Scores = [.. status?.Result?.Scores ?? []];
        State.Notices.AddRange(status?.Notices ?? []);
        _progress = null;
        await SaveAsync();
        return false;
    }
}
