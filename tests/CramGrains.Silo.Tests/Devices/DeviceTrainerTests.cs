using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Devices;

/// <summary>When the trainer of a device may start a worker: leave to do so counts for a lease's length from when it was asked for.</summary>
public sealed class DeviceTrainerTests : IBudgetClockGrain, IWorkerHost
{
    private const double Lease = 60;
    private readonly FakeTimeProvider _time = new();
    private readonly TrainerRecord _state = new();
    private readonly List<WorkerAssignment> _started = [];
    private readonly DeviceTrainer _trainer;
    private readonly Queue<(double Seconds, bool Accepted)> _answers = new();

    public DeviceTrainerTests() => _trainer = new DeviceTrainer(
        "m0/cpu", _state, () => Task.CompletedTask, this, Assignment, _ => this, new DeviceOptions { WorkerLeaseSeconds = Lease }, new SiloClock(_time), NullLogger.Instance);

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

    Task<WorkerStatus?> IWorkerHost.PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken) => Task.FromResult<WorkerStatus?>(null);

    Task<bool> IWorkerHost.RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken) => Task.FromResult(true);

    Task IWorkerHost.StopAsync(WorkerAssignment assignment, TerminationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    Task IWorkerHost.KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken) => Task.CompletedTask;

    private static WorkOrder Order { get; } = new("r-1", 3, WorkerJob.Pretrain, "{}", "corpus");

    private void Answer(params (double Seconds, bool Accepted)[] answers) => answers.ToList().ForEach(_answers.Enqueue);

    private static WorkerAssignment Assignment(string deviceId, WorkOrder order) => new(
        WorkerAssignment.CurrentVersion, order.RunId, order.LeaseEpoch, order.Job, order.RecipeJson, deviceId, null, "", "folder", Lease, "", order.CorpusDigest, null, 0, null, null, 0);
}
