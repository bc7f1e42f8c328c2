using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Time.Testing;
using Orleans.Storage;

namespace CramGrains.Silo.Tests.Runs;

/// <summary>An attempt whose trainer says that it knows nothing of it: placed anew only when that is certain.</summary>
public sealed class AttemptDriverTests : ITrainerGrain, ISchedulerQueue
{
    private const long Epoch = 4;
    private static readonly WorkItem Item = new("r-1/pretrain", "r-1", WorkerJob.Pretrain, "run/r-1", default);
    private readonly AttemptRecord _record = new() { Phase = AttemptPhase.Running, Epoch = Epoch, DeviceId = "m0/cpu", Number = 1 };
    private readonly List<long> _released = [];
    private readonly FakeTimeProvider _time = new();
    private readonly AttemptDriver _driver;
    private Func<Task<WorkerStatus?>> _disown = () => Task.FromResult<WorkerStatus?>(null);

    public AttemptDriverTests() => _driver = new AttemptDriver(
        this, _ => this, _ => Task.CompletedTask, new RunOptions(), new SiloClock(_time), _record, () => Task.CompletedTask);

    [Fact]
    public async Task AdvanceAsync_TrainerSpeaksFromOldMemory_GoesOn()
    {
        _disown = () => Task.FromResult<WorkerStatus?>(Running);

        Assert.Equal(Running, Assert.IsType<AttemptRuns>(await AdvanceAsync()).Status);

        Assert.Empty(_released);
    }

    [Fact]
    public async Task AdvanceAsync_TrainerFindsThatItsMemoryIsOld_WaitsForTheNextOne()
    {
        _disown = () => throw new InconsistentStateException("overtaken");

        Assert.IsType<AttemptWaits>(await AdvanceAsync());

        Assert.Equal((AttemptPhase.Running, Epoch), (_record.Phase, _record.Epoch));
        Assert.Empty(_released);
    }

    [Fact]
    public async Task AdvanceAsync_TrainerIsCertain_IsPlacedAnew()
    {
        Assert.Equal(TerminationReason.WorkerLost, Assert.IsType<AttemptRetries>(await AdvanceAsync()).Reason);

        Assert.Equal(AttemptPhase.Idle, _record.Phase);
        Assert.Equal([Epoch], _released);
    }

    /// <summary>The answer to its start was lost; what is stopped may be at work.</summary>
    [Fact]
    public async Task StopAsync_TrainerSpeaksFromOldMemory_WaitsForTheWorkersEnd()
    {
        _record.Phase = AttemptPhase.Granted;
        _disown = () => Task.FromResult<WorkerStatus?>(Running);

        Assert.False(await _driver.StopAsync(Item, TerminationReason.Paused));

        Assert.Equal(AttemptPhase.Running, _record.Phase);
        Assert.Empty(_released);
    }

    /// <summary>What its worker needs is on a machine that is away: asked again at once, it would take a device, be refused and write, every second for days.</summary>
    [Fact]
    public async Task AdvanceAsync_GivenBackBeforeAWorkerWasStarted_WaitsLongerEachTime()
    {
        _disown = () => Task.FromResult<WorkerStatus?>(Running with { ProcessId = 0, Phase = WorkerPhase.Ended, Reason = TerminationReason.LeaseExpired });
        for (int wait = 2; wait <= 16; wait *= 2)
        {
            (_record.Phase, _record.Epoch) = (AttemptPhase.Running, Epoch);
            Assert.IsType<AttemptRetries>(await AdvanceAsync());

            Assert.Equal(_time.GetUtcNow().AddSeconds(wait), Assert.IsType<AttemptWaits>(await AdvanceAsync()).EstimatedStart);
        }

        Assert.Equal(0, _record.Failures);
    }

    [Fact]
    public async Task AdvanceAsync_GivenBackByAWorkerThatWasStarted_AsksAgainAtOnce()
    {
        _record.Fruitless = 3;
        _disown = () => Task.FromResult<WorkerStatus?>(Running with { Phase = WorkerPhase.Ended, Reason = TerminationReason.LeaseExpired });
        Assert.IsType<AttemptRetries>(await AdvanceAsync());

        Assert.Equal((null, 0), (_record.NotBefore, _record.Fruitless));
    }

    /// <summary>A drain that falls into the last measurement: no training is lost, and none has to move.</summary>
    [Theory]
    [InlineData(true, typeof(AttemptRetries))]
    [InlineData(false, typeof(AttemptEnded))]
    public async Task AdvanceAsync_DrainedUnderThePolicyNever_GoesOnOnlyToMeasure(bool budgetIsUsedUp, Type step)
    {
        _disown = () => Task.FromResult<WorkerStatus?>(
            Running with { Phase = WorkerPhase.Ended, Reason = TerminationReason.Drained, Result = new WorkerResult(BudgetIsUsedUp: budgetIsUsedUp) });

        Assert.IsType(step, await _driver.AdvanceAsync(Item with { Policy = new WorkPolicy(Requeue: RequeuePolicy.Never) }, _ => throw new NotSupportedException("nothing is started")));
    }

    private static WorkerStatus Running { get; } = new("r-1", Epoch, WorkerJob.Pretrain, 1, WorkerPhase.Running, TerminationReason.None, "at work", 0, null, [], null);

    private Task<AttemptStep> AdvanceAsync() => _driver.AdvanceAsync(Item, _ => throw new NotSupportedException("nothing is started"));

    Task<WorkerStatus?> ITrainerGrain.GetAsync(long epoch) => Task.FromResult<WorkerStatus?>(null);

    Task<WorkerStatus?> ITrainerGrain.DisownAsync(long epoch) => _disown();

    Task<StartOutcome> ITrainerGrain.StartAsync(WorkOrder order) => throw new NotSupportedException("nothing is started");

    Task ITrainerGrain.StopAsync(long epoch, TerminationReason reason) => Task.CompletedTask;

    Task ITrainerGrain.AdoptAsync() => Task.CompletedTask;

    Task<bool> ISchedulerQueue.ReleaseAsync(string itemId, long knownEpoch)
    {
        _released.Add(knownEpoch);
        return Task.FromResult(true);
    }

    Task ISchedulerQueue.EnrollAsync(string runId, DateTimeOffset submittedAt, int life) => throw new NotSupportedException();

    Task ISchedulerQueue.RunEndedAsync(string runId, int life) => throw new NotSupportedException();

    Task<IReadOnlyList<string>> ISchedulerQueue.ActiveRunsAsync() => throw new NotSupportedException();

    Task<WorkTicket> ISchedulerQueue.RequestAsync(WorkItem item) => throw new NotSupportedException("no device is asked for");

    Task ISchedulerQueue.ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices) => throw new NotSupportedException();

    Task ISchedulerQueue.AuditedAsync(string itemId, long epoch, long version, bool held) => throw new NotSupportedException();
}
