using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Logging.Abstractions;

namespace CramGrains.Silo.Simulation;

/// <summary>The shells of grains in the simulated world. As in the real ones, what is decided is decided elsewhere, by the same classes.</summary>
internal static class SimGrains
{
    public const string Scheduler = "scheduler";
    public const string TrainerPrefix = "trainer/";
    public const string BudgetPrefix = "budget/";
    public const string RunPrefix = "run/";

    public static SimActivation Make(SimCluster cluster, SimMachine machine, string key) =>
        key == Scheduler ? new SimScheduler(cluster, machine)
        : key.StartsWith(TrainerPrefix, StringComparison.Ordinal) ? new SimTrainer(cluster, machine, key)
        : key.StartsWith(BudgetPrefix, StringComparison.Ordinal) ? new SimBudget(cluster, machine, key)
        : new SimRun(cluster, machine, key);
}

internal sealed class SimScheduler(SimCluster cluster, SimMachine machine) : SimActivation(cluster, machine, SimGrains.Scheduler), ISchedulerEffects
{
    private readonly List<long> _pages = [];
    private SchedulerRecord _state = new();
    private long _version;

    public SchedulerDesk Desk { get; private set; } = null!;

    public async Task<IReadOnlyList<string>> ActiveRunsAsync()
    {
        List<string> active = [.. _state.ActiveRuns.Keys];
        await Desk.DurableAsync();
        return active;
    }

    public override void Activate()
    {
        (_state, _version) = (Cluster.Store.Read<SchedulerRecord>(Key), Cluster.Store.VersionOf(Key));
        var ended = new EndedHistory(EndedHistory.ReadAsync(ReadPage).GetAwaiter().GetResult(), WritePageAsync, pageSize: 2); // the simulated store reads at once
        Desk = new SchedulerDesk(
            _state, () => SaveAsync(Key, _state, () => _version, v => _version = v), ended, this, Cluster.Scheduling, TimeSpan.FromSeconds(Cluster.Devices.LostAfterSeconds), Machine.Clock);
        Desk.Leased += (item, device, epoch) => Cluster.World.Say($"{item} gets {device}, epoch {epoch}");
        Desk.Evicted += (item, device, reason) =>
        {
            Cluster.Preemptions += reason == TerminationReason.Preempted ? 1 : 0;
            Cluster.World.Say($"{item} must leave {device}: {reason}");
        };
    }

    void ISchedulerEffects.Wake(string owner) => Cluster.CallAsync(Machine, owner, Done<SimRun>(r => r.Wake())).Ignore();

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) => new SimTrainerProxy(Cluster, Machine, deviceId).StopAsync(epoch, reason).Ignore();

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) => AuditAsync(owner, itemId, epoch, version).Ignore();

    private async Task AuditAsync(string owner, string itemId, long epoch, long version)
    {
        bool held = await Cluster.CallAsync(Machine, owner, a => Task.FromResult(((SimRun)a).Holds(epoch)));
        if (!held)
        {
            await new SimSchedulerProxy(Cluster, Machine).AuditedAsync(itemId, epoch, version, held);
        }
    }

    private Task<EndedRuns?> ReadPage(int page)
    {
        string name = EndedHistory.NameOf(page);
        if (Cluster.Store.VersionOf(name) is not (> 0 and var version))
        {
            return Task.FromResult<EndedRuns?>(null);
        }

        _pages.Add(version);
        return Task.FromResult<EndedRuns?>(Cluster.Store.Read<EndedRuns>(name));
    }

    private Task WritePageAsync(int page, EndedRuns runs)
    {
        if (page == _pages.Count)
        {
            _pages.Add(0);
        }

        return SaveAsync(EndedHistory.NameOf(page), runs, () => _pages[page], v => _pages[page] = v);
    }

    internal static Func<SimActivation, Task<bool>> Done<T>(Action<T> action) where T : SimActivation => a =>
    {
        action((T)a);
        return Task.FromResult(true);
    };
}

internal sealed class SimTrainer(SimCluster cluster, SimMachine machine, string key) : SimActivation(cluster, machine, key)
{
    private TrainerRecord _state = new();
    private long _version;
    private bool _looking;

    public DeviceTrainer Trainer { get; private set; } = null!;

    public override void Activate()
    {
        (_state, _version) = (Cluster.Store.Read<TrainerRecord>(Key), Cluster.Store.VersionOf(Key));
        Trainer = new DeviceTrainer(
            Key[SimGrains.TrainerPrefix.Length..], _state, () => SaveAsync(Key, _state, () => _version, v => _version = v), Cluster.Workers.Of(Machine),
            SimWorkers.Assignment, run => new SimBudgetProxy(Cluster, Machine, run), Cluster.Devices, Machine.Clock, NullLogger.Instance);
        KeepLooking();
    }

    public async Task<StartOutcome> StartAsync(WorkOrder order)
    {
        try
        {
            return await Trainer.StartAsync(order);
        }
        finally
        {
            KeepLooking();
        }
    }

    private void KeepLooking()
    {
        if (Trainer.Busy && !_looking)
        {
            _looking = true;
            Every(4000, async () =>
            {
                _looking = Trainer.Busy;
                if (_looking)
                {
                    await Trainer.LookAfterAsync(CancellationToken.None);
                }

                return _looking;
            });
        }
    }
}

internal sealed class SimBudget(SimCluster cluster, SimMachine machine, string key) : SimActivation(cluster, machine, key)
{
    private BudgetAccount _state = new();
    private long _version;

    public override void Activate() => (_state, _version) = (Cluster.Store.Read<BudgetAccount>(Key), Cluster.Store.VersionOf(Key));

    public BudgetReading Read() => new(true, _state.Epoch, _state.UsedSeconds);

    public async Task<BudgetReading> ChangeAsync(long epoch, double seconds, bool begins)
    {
        bool Change()
        {
            long asked = Cluster.Plan.Sabotage == Sabotage.BudgetIgnoresEpochs ? Math.Max(epoch, _state.Epoch) : epoch;
            return begins ? _state.TryBegin(asked, seconds) : _state.TryCharge(asked, seconds);
        }

        bool accepted = Change();
        if (!accepted)
        {
            Activate(); // what is stored may be newer than what is in memory
            accepted = Change();
        }

        if (accepted)
        {
            await SaveAsync(Key, _state, () => _version, v => _version = v);
        }

        return new BudgetReading(accepted, _state.Epoch, _state.UsedSeconds);
    }
}
