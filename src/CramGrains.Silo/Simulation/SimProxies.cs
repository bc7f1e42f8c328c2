using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Simulation;

/// <summary>The scheduler as seen from a machine of the simulated world. As in the real one, calls interleave while they wait for a write.</summary>
internal sealed class SimSchedulerProxy(SimCluster cluster, SimMachine from) : ISchedulerQueue
{
    public Task EnrollAsync(string runId, DateTimeOffset submittedAt, int life) => Do(d => d.EnrollAsync(runId, submittedAt, life));

    public Task RunEndedAsync(string runId, int life) => Do(d => d.RunEndedAsync(runId, life));

    public Task<IReadOnlyList<string>> ActiveRunsAsync() => cluster.CallAsync(from, SimGrains.Scheduler, a => ((SimScheduler)a).ActiveRunsAsync(), interleaves: true);

    public Task<WorkTicket> RequestAsync(WorkItem item) => cluster.CallAsync(from, SimGrains.Scheduler, a => ((SimScheduler)a).Desk.RequestAsync(item), interleaves: true);

    public async Task<bool> ReleaseAsync(string itemId, long knownEpoch) =>
        await cluster.CallAsync(from, SimGrains.Scheduler, a => ((SimScheduler)a).Desk.ReleaseAsync(itemId, knownEpoch), interleaves: true) == 0;

    public Task ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices) => Do(d => d.ReportDevicesAsync(machine, devices));

    public Task AuditedAsync(string itemId, long epoch, long version, bool held) => Do(d => d.AuditedAsync(itemId, epoch, version, held));

    private Task<bool> Do(Func<SchedulerDesk, Task> method) => cluster.CallAsync(from, SimGrains.Scheduler, async a =>
    {
        await method(((SimScheduler)a).Desk);
        return true;
    }, interleaves: true);
}

/// <summary>A trainer as seen from a machine of the simulated world.</summary>
internal sealed class SimTrainerProxy(SimCluster cluster, SimMachine from, string deviceId) : ITrainerGrain
{
    private string Key => SimGrains.TrainerPrefix + deviceId;

    public Task<StartOutcome> StartAsync(WorkOrder order) => cluster.CallAsync(from, Key, a => ((SimTrainer)a).StartAsync(order));

    public Task<WorkerStatus?> GetAsync(long epoch) => cluster.CallAsync(from, Key, a => Task.FromResult(((SimTrainer)a).Trainer.Get(epoch)), interleaves: true);

    public Task<WorkerStatus?> DisownAsync(long epoch) => cluster.CallAsync(from, Key, a => ((SimTrainer)a).Trainer.DisownAsync(epoch));

    public Task StopAsync(long epoch, TerminationReason reason) => cluster.CallAsync(from, Key, async a =>
    {
        await ((SimTrainer)a).Trainer.StopAsync(epoch, reason);
        return true;
    });

    public Task AdoptAsync() => cluster.CallAsync(from, Key, _ => Task.FromResult(true));
}

/// <summary>A budget clock as seen from a machine of the simulated world.</summary>
internal sealed class SimBudgetProxy(SimCluster cluster, SimMachine from, string runId) : IBudgetClockGrain
{
    private string Key => SimGrains.BudgetPrefix + runId;

    public Task<BudgetReading> BeginAttemptAsync(long epoch, double lastKnownSeconds) =>
        cluster.CallAsync(from, Key, a => ((SimBudget)a).ChangeAsync(epoch, lastKnownSeconds, begins: true));

    public Task<BudgetReading> ChargeAsync(long epoch, double usedSecondsTotal) =>
        cluster.CallAsync(from, Key, a => ((SimBudget)a).ChangeAsync(epoch, usedSecondsTotal, begins: false));

    public Task<BudgetReading> ReadAsync() => cluster.CallAsync(from, Key, a => Task.FromResult(((SimBudget)a).Read()));
}
