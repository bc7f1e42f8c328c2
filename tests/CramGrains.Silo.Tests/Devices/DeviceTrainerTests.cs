using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Orleans.Storage;

namespace CramGrains.Silo.Tests.Devices;

/// <summary>When the trainer of a device may start a worker, and what it may say of one: leave to start counts for a lease's length from when it was asked for, and nothing rests on memory that may be old.</summary>
public sealed class DeviceTrainerTests : IBudgetClockGrain, IWorkerHost
{
    private const double Lease = 60;
    private readonly FakeTimeProvider _time = new();
    private readonly TrainerRecord _state = new();
    private readonly List<WorkerAssignment> _started = [];
    private readonly DeviceTrainer _trainer;
    private readonly Queue<(double Seconds, bool Accepted)> _answers = new();
    private readonly List<WorkerAssignment> _killed = [];
    private Func<Task> _save = () => Task.CompletedTask;
    private WorkerStatus? _worker;

    public DeviceTrainerTests() => _trainer = new DeviceTrainer(
        "m0/cpu", _state, () => _save(), this, Assignment, _ => this, new DeviceOptions { WorkerLeaseSeconds = Lease }, new SiloClock(_time), NullLogger.Instance);

    [Fact]
    public async Task StartAsync_LeaveTakesAWhile_ComesOffTheWorkersLease()
    {
        Answer((1, true), (25, true));
        await _trainer.StartAsync(Order);

        Assert.Equal(Lease - 25, Assert.Single(_started).LeaseSeconds);
    }

    /// <summary>The machine stood still between the answer and the start; by now the run may train elsewhere.</summary>
    [Fact]
    public async Task StartAsync_LeaveIsOlderThanALease_StartsNothingAndAsksAgain()
    {
        Answer((1, true), (Lease + 1, true), (1, false));
        await _trainer.StartAsync(Order);
        Assert.Empty(_started);
        Assert.True(_trainer.Busy);

        await _trainer.LookAfterAsync(CancellationToken.None);
        Assert.Empty(_started);
        Assert.Equal(TerminationReason.WorkerLost, _state.Final!.Reason);
    }

    [Fact]
    public async Task StartAsync_LeaveIsOlderThanALeaseButStillGood_StartsAtTheNextLook()
    {
        Answer((1, true), (Lease + 1, true), (2, true));
        await _trainer.StartAsync(Order);
        await _trainer.LookAfterAsync(CancellationToken.None);

        Assert.Equal(Lease - 2, Assert.Single(_started).LeaseSeconds);
    }

    /// <summary>Another activation may have told of the end of this very order, and the run may have gone on elsewhere since.</summary>
    [Fact]
    public async Task LookAfterAsync_AnotherActivationHasWrittenSince_StartsNothing()
    {
        (_state.Epoch, _state.Order) = (Order.LeaseEpoch, Order);
        Answer((1, true));
        Overtake();

        await Assert.ThrowsAsync<InconsistentStateException>(() => _trainer.LookAfterAsync(CancellationToken.None));

        Assert.Empty(_started);
    }

    [Fact]
    public async Task StartAsync_AgainAfterItsRunHasGoneOn_LeavesNoWorkerBehindTheEndThatItTells()
    {
        Answer((1, true), (1, true), (1, false));
        await _trainer.StartAsync(Order);
        await _trainer.StartAsync(Order);

        Assert.Equal(WorkerPhase.Ended, _trainer.Get(Order.LeaseEpoch)!.Phase);
        Assert.Equal(Order.LeaseEpoch, Assert.Single(_killed).LeaseEpoch);
    }

    [Fact]
    public async Task DisownAsync_EpochThatItDoesNotKnow_IsRefusedForEver()
    {
        int writes = 0;
        _save = () =>
        {
            writes++;
            return Task.CompletedTask;
        };

        Assert.Null(await _trainer.DisownAsync(Order.LeaseEpoch));
        Assert.Equal(1, writes);

        Assert.False((await _trainer.StartAsync(Order)).Accepted);
        Assert.Empty(_started);
    }

    /// <summary>Another activation has accepted the order: saying that nobody serves it would have its run placed a second time.</summary>
    [Fact]
    public async Task DisownAsync_AnotherActivationHasWrittenSince_SaysNothing()
    {
        Overtake();
        await Assert.ThrowsAsync<InconsistentStateException>(() => _trainer.DisownAsync(Order.LeaseEpoch));
    }

    [Fact]
    public async Task DisownAsync_EpochThatItServes_ChangesNothing()
    {
        Answer((1, true), (1, true));
        await _trainer.StartAsync(Order);
        Overtake(); // a write would be seen

        Assert.Equal(WorkerPhase.Starting, (await _trainer.DisownAsync(Order.LeaseEpoch))!.Phase);
    }

    [Fact]
    public async Task Get_EndThatIsStillBeingWritten_IsNotToldYet()
    {
        Answer((1, true), (1, true), (1, true));
        await _trainer.StartAsync(Order);
        var written = new TaskCompletionSource();
        _save = () => written.Task;
        _worker = new WorkerStatus("r-1", Order.LeaseEpoch, WorkerJob.Pretrain, 1, WorkerPhase.Ended, TerminationReason.Completed, "done", 0, null, [], null);

        Task looking = _trainer.LookAfterAsync(CancellationToken.None);
        Assert.Equal(WorkerPhase.Starting, _trainer.Get(Order.LeaseEpoch)!.Phase);

        written.SetResult();
        await looking;
        Assert.Equal(WorkerPhase.Ended, _trainer.Get(Order.LeaseEpoch)!.Phase);
    }

    /// <summary>A run whose order comes late is not cancelled because the run that had the device next was.</summary>
    [Fact]
    public async Task StartAsync_LaterEpochWasStoppedBeforeItBegan_IsRefusedWithoutThatOnesReason()
    {
        await _trainer.StopAsync(Order.LeaseEpoch + 1, TerminationReason.Cancelled);

        StartOutcome earlier = await _trainer.StartAsync(Order), stopped = await _trainer.StartAsync(Order with { LeaseEpoch = Order.LeaseEpoch + 1 });

        Assert.Equal((false, TerminationReason.None), (earlier.Accepted, earlier.Reason));
        Assert.Equal((false, TerminationReason.Cancelled), (stopped.Accepted, stopped.Reason));
    }

    Task<BudgetReading> IBudgetClockGrain.ChargeAsync(long epoch, double usedSecondsTotal)
    {
        (double seconds, bool accepted) = _answers.Dequeue();
        _time.Advance(TimeSpan.FromSeconds(seconds));
        return Task.FromResult(new BudgetReading(accepted, epoch, usedSecondsTotal));
    }

    Task<BudgetReading> IBudgetClockGrain.BeginAttemptAsync(long epoch, double lastKnownSeconds) => throw new NotSupportedException();

    Task<BudgetReading> IBudgetClockGrain.ReadAsync() => throw new NotSupportedException();

    Task IWorkerHost.StartAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        _started.Add(assignment);
        return Task.CompletedTask;
    }

    Task<WorkerStatus?> IWorkerHost.PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken) => Task.FromResult(_worker);

    Task<bool> IWorkerHost.RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken) => Task.FromResult(true);

    Task IWorkerHost.StopAsync(WorkerAssignment assignment, TerminationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    Task IWorkerHost.KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        _killed.Add(assignment);
        return Task.CompletedTask;
    }

    private static WorkOrder Order { get; } = new("r-1", 3, WorkerJob.Pretrain, "{}", "corpus");

    private void Overtake() => _save = () => Task.FromException(new InconsistentStateException("overtaken"));

    private void Answer(params (double Seconds, bool Accepted)[] answers) => answers.ToList().ForEach(_answers.Enqueue);

    private static WorkerAssignment Assignment(string deviceId, WorkOrder order) => new(
        WorkerAssignment.CurrentVersion, order.RunId, order.LeaseEpoch, order.Job, order.RecipeJson, deviceId, null, "", "folder", Lease, "", order.CorpusDigest, null, 0, null, null, 0);
}
