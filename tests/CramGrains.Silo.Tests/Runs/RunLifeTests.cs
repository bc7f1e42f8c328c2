using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Runs;

/// <summary>What a run's life makes of commands, without grains: around it stand an index of runs, a budget that nothing has used, and nothing else.</summary>
public sealed class RunLifeTests : IRunSurroundings, ISchedulerQueue, IBudgetClockGrain
{
    private readonly RunRecord _state = new()
    {
        Request = new SubmitRun("r-1", null, "{}", "", [], null, [], null, "ada", Hold: true),
        State = RunState.Queued,
        HeldBy = "ada",
        RecipeDigest = "digest",
        CorpusRequest = "corpus",
    };

    private readonly List<TerminationReason> _ends = [];
    private readonly RunLife _life;
    private Func<Task> _save = () => Task.CompletedTask;
    private int _commands;

    public RunLifeTests() => _life = new RunLife(_state, this, new RunOptions(), new SiloClock(new FakeTimeProvider(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero))));

    /// <summary>A hold cannot be undone once its run has ended; it must not come back with the run either, which has been told that it goes on.</summary>
    [Fact]
    public async Task Command_RequeueAfterAHeldRunHasEnded_GoesOn()
    {
        await _life.AdvanceAsync();
        Assert.Equal("held by ada until it is released", _state.Message);
        await CommandAsync(RunCommandKind.Cancel);
        await _life.AdvanceAsync();
        Assert.Equal((RunState.Cancelled, null, false), (_state.State, _life.View().HeldBy, (await CommandAsync(RunCommandKind.Release)).Accepted));

        CommandOutcome requeued = await CommandAsync(RunCommandKind.Requeue);
        await _life.AdvanceAsync();

        Assert.True(requeued.Accepted);
        Assert.Contains("goes on", requeued.Message, StringComparison.Ordinal);
        Assert.Equal((RunState.Preparing, null), (_state.State, _life.View().HeldBy));
    }

    [Fact]
    public async Task Command_HoldAfterRequeue_HoldsTheNewLife()
    {
        await CommandAsync(RunCommandKind.Cancel);
        await _life.AdvanceAsync();
        await CommandAsync(RunCommandKind.Requeue);

        await CommandAsync(RunCommandKind.Hold);
        await _life.AdvanceAsync();

        Assert.Equal((RunState.Queued, "bob", "held by bob until it is released"), (_state.State, _life.View().HeldBy, _state.Message));
    }

    /// <summary>Views are given at any time, also while a write is under way.</summary>
    [Fact]
    public async Task View_WhileAnEndIsBeingWritten_IsWhatIsStored()
    {
        await CommandAsync(RunCommandKind.Cancel);
        var written = new TaskCompletionSource();
        _save = () => written.Task;

        Task<bool> step = _life.AdvanceAsync();
        Assert.Equal((RunState.Queued, null, RunState.Queued), (_life.View().State, _life.View().EndedAt, _life.Report().State));
        Assert.Empty(_ends);
        written.SetResult();
        await step;
        await _life.AdvanceAsync(); // retires
        Assert.Equal([TerminationReason.Cancelled], _ends);

        Assert.Equal((RunState.Cancelled, TerminationReason.Cancelled, RunState.Cancelled), (_life.View().State, _life.View().Reason, _life.Report().State));
        Assert.NotNull(_life.View().EndedAt);
    }

    private Task<CommandOutcome> CommandAsync(RunCommandKind kind) => _life.CommandAsync(new RunCommand($"c-{_commands++}", kind, "bob"));

    string IRunSurroundings.RunId => "r-1";

    string IRunSurroundings.Owner => "run/r-1";

    ISchedulerQueue IRunSurroundings.Scheduler => this;

    IBudgetClockGrain IRunSurroundings.Budget => this;

    ITrainerGrain IRunSurroundings.Trainer(string deviceId) => throw new NotSupportedException("nothing is trained");

    ICorpusGrain IRunSurroundings.Corpus(string request) => Artefacts.Answers.Make<ICorpusGrain>(_ => Task.CompletedTask);

    IGlueTaskGrain IRunSurroundings.GlueTask(string key) => throw new NotSupportedException("nothing is fine-tuned");

    Task<RunView?> IRunSurroundings.OtherAsync(string runId) => Task.FromResult<RunView?>(null);

    Task IRunSurroundings.SaveAsync() => _save();

    Task IRunSurroundings.ForgetReminderAsync() => Task.CompletedTask;

    void IRunSurroundings.LookRarely()
    {
    }

    void IRunSurroundings.ReadAgain()
    {
    }

    void IRunSurroundings.LookOften()
    {
    }

    void IRunSurroundings.Note(string text)
    {
    }

    void IRunSurroundings.Publish(bool milestone)
    {
    }

    void IRunSurroundings.CountEnd(TerminationReason reason) => _ends.Add(reason);

    void IRunSurroundings.PublishScore(GlueScore score)
    {
    }

    Task ISchedulerQueue.EnrollAsync(string runId, DateTimeOffset submittedAt, int life) => Task.CompletedTask;

    Task ISchedulerQueue.RunEndedAsync(string runId, int life) => Task.CompletedTask;

    Task<IReadOnlyList<string>> ISchedulerQueue.ActiveRunsAsync() => Task.FromResult<IReadOnlyList<string>>(["r-1"]);

    Task<WorkTicket> ISchedulerQueue.RequestAsync(WorkItem item) => throw new NotSupportedException("no device is asked for");

    Task<bool> ISchedulerQueue.ReleaseAsync(string itemId, long knownEpoch) => Task.FromResult(true);

    Task ISchedulerQueue.ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices) => Task.CompletedTask;

    Task ISchedulerQueue.AuditedAsync(string itemId, long epoch, long version, bool held) => Task.CompletedTask;

    Task<BudgetReading> IBudgetClockGrain.BeginAttemptAsync(long epoch, double lastKnownSeconds) => throw new NotSupportedException("no attempt is made");

    Task<BudgetReading> IBudgetClockGrain.ChargeAsync(long epoch, double usedSecondsTotal) => throw new NotSupportedException("no attempt is made");

    Task<BudgetReading> IBudgetClockGrain.ReadAsync() => Task.FromResult(new BudgetReading(true, 0, 0));
}
