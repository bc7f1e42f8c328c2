using System.Globalization;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Simulation;

/// <summary>All worker processes of the world, the folders that they publish to, and what must hold of them.</summary>
internal sealed class SimWorkers
{
    private readonly Dictionary<string, Host> _hosts;
    private readonly Dictionary<string, SimWorker> _byFolder = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _published = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _lastEpoch = new(StringComparer.Ordinal);

    public SimWorkers(SimWorld world, Sabotage sabotage, IReadOnlyList<SimMachine> machines)
    {
        (World, Sabotage) = (world, sabotage);
        _hosts = machines.ToDictionary(m => m.Name, m => new Host(this, m), StringComparer.Ordinal);
    }

    public SimWorld World { get; }

    public Sabotage Sabotage { get; }

    public IReadOnlyCollection<SimWorker> All => _byFolder.Values;

    /// <summary>Seconds that workers have really trained a run.</summary>
    public double Trained(string runId) => _byFolder.Values.Where(w => w.Assignment.RunId == runId).Sum(w => w.TrainedSeconds);

    public IWorkerHost Of(SimMachine machine) => _hosts[machine.Name];

    /// <summary>The recipe carries the run's budget in seconds: all that a simulated worker needs of it.</summary>
    public static WorkerAssignment Assignment(string deviceId, WorkOrder order) => new(
        WorkerAssignment.CurrentVersion, order.RunId, order.LeaseEpoch, order.Job, order.RecipeJson, deviceId, null, "", $"{deviceId}/{order.RunId}/{order.LeaseEpoch}", 60, "",
        order.CorpusDigest, null, order.BudgetUsedSeconds, null, null, 0);

    /// <summary>A checkpoint folder refuses an attempt that another has overtaken.</summary>
    public bool Publish(SimWorker worker)
    {
        string run = worker.Assignment.RunId;
        long newest = _published.GetValueOrDefault(run);
        if (worker.Assignment.LeaseEpoch < newest && Sabotage != Sabotage.CheckpointsIgnoreEpochs)
        {
            return false;
        }

        World.Require(worker.Assignment.LeaseEpoch >= newest, () => $"{run}: a checkpoint of epoch {worker.Assignment.LeaseEpoch} was published after one of epoch {newest}");
        _published[run] = worker.Assignment.LeaseEpoch;
        return true;
    }

    /// <summary>Power is cut: every process of the machine is gone.</summary>
    public void KillAll(SimMachine machine)
    {
        foreach (SimWorker worker in _byFolder.Values.Where(w => w.Machine == machine && w.Alive))
        {
            worker.Die();
        }
    }

    public SimWorker? AnyAlive() => _byFolder.Values.Where(w => w.Alive).OrderBy(w => w.Assignment.WorkFolder, StringComparer.Ordinal).Skip(World.Below(Math.Max(1, _byFolder.Values.Count(w => w.Alive)))).FirstOrDefault();

    private void CheckStart(SimWorker worker)
    {
        (string run, string device, long epoch) = (worker.Assignment.RunId, worker.Assignment.Device, worker.Assignment.LeaseEpoch);
        foreach (SimWorker other in _byFolder.Values.Where(w => w != worker && w.Alive))
        {
            World.Require(other.Assignment.Device != device, () => $"two workers on {device}: {other.Name} and {worker.Name}");
            World.Require(other.Assignment.RunId != run || other.Harmless, () => $"two workers train {run}: {other.Name} and {worker.Name}");
        }

        foreach (string what in (string[])[run, device])
        {
            World.Require(epoch > _lastEpoch.GetValueOrDefault(what), () => $"{worker.Name} starts, but {what} has already seen epoch {_lastEpoch[what]}");
            _lastEpoch[what] = epoch;
        }
    }

    /// <summary>The workers of one machine, as its silo reaches them.</summary>
    private sealed class Host(SimWorkers workers, SimMachine machine) : IWorkerHost
    {
        public Task StartAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
        {
            if (!workers._byFolder.ContainsKey(assignment.WorkFolder))
            {
                if (workers.World.Mishap(0.02))
                {
                    throw new IOException("no process could be started");
                }

                var worker = new SimWorker(workers, machine, assignment);
                workers._byFolder[assignment.WorkFolder] = worker;
                workers.CheckStart(worker);
                worker.Start();
            }

            return Task.CompletedTask;
        }

        public Task<WorkerStatus?> PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken) =>
            Task.FromResult(workers._byFolder.GetValueOrDefault(assignment.WorkFolder)?.Status());

        public Task<bool> RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken) =>
            Task.FromResult(workers._byFolder.GetValueOrDefault(assignment.WorkFolder) is { Alive: true } worker && worker.Renew(assignment.LeaseEpoch, duration));

        public Task StopAsync(WorkerAssignment assignment, TerminationReason reason, CancellationToken cancellationToken)
        {
            workers._byFolder.GetValueOrDefault(assignment.WorkFolder)?.AskToStop(reason);
            return Task.CompletedTask;
        }

        public Task KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
        {
            workers._byFolder.GetValueOrDefault(assignment.WorkFolder)?.Die();
            return Task.CompletedTask;
        }
    }
}

/// <summary>One worker process: loads, trains, publishes a checkpoint every 15 s, heeds its own lease, and leaves its last word on the disk.</summary>
internal sealed class SimWorker(SimWorkers workers, SimMachine machine, WorkerAssignment assignment)
{
    private const long CheckpointEvery = 15_000;
    private readonly WorkerLease _lease = new(assignment.LeaseEpoch, TimeSpan.FromSeconds(assignment.LeaseSeconds), machine.Time);
    private readonly double _budget = double.Parse(assignment.RecipeJson, CultureInfo.InvariantCulture);
    private readonly bool _deaf = workers.World.Mishap(0.03);
    private long? _trainingSince;
    private double _trained;
    private TerminationReason _ended;
    private TerminationReason _asked;

    public WorkerAssignment Assignment { get; } = assignment;

    public SimMachine Machine { get; } = machine;

    public bool Alive { get; private set; } = true;

    public string Name => $"{Assignment.RunId} on {Assignment.Device} under epoch {Assignment.LeaseEpoch}";

    /// <summary>Seconds trained; a stopped machine trains nothing.</summary>
    public double TrainedSeconds => _trained + (_trainingSince is { } since ? ((Machine.Stopped ? Machine.SilentSince : workers.World.Now) - since) / 1000.0 : 0);

    /// <summary>Whether it cannot train any more, though its process is still there: its machine is stopped, and its lease will have run out when it goes on; or it is on its way out.</summary>
    public bool Harmless => _trainingSince is null || (Machine.Stopped && _lease.Remaining == TimeSpan.Zero) || (_lease.Remaining == TimeSpan.Zero && workers.Sabotage != Sabotage.WorkersIgnoreLeases);

    public void Start()
    {
        workers.World.Say($"worker {Name} starts with {Assignment.BudgetUsedSeconds:0.000} s used");
        Here(workers.World.Between(1000, 4000), Train);
        WatchLease();
    }

    public bool Renew(long epoch, TimeSpan duration) => _lease.TryRenew(epoch, duration);

    public void AskToStop(TerminationReason reason)
    {
        if (Alive && !_deaf && _asked == TerminationReason.None)
        {
            _asked = reason;
            Here(workers.World.Between(100, 3000), () => End(_asked, publishes: true));
        }
    }

    public void Die()
    {
        if (Alive)
        {
            Halt();
            Alive = false;
            workers.World.Say($"worker {Name} is gone without a word");
        }
    }

    public WorkerStatus Status() => new(
        Assignment.RunId, Assignment.LeaseEpoch, Assignment.Job, 1,
        !Alive ? WorkerPhase.Ended : _trainingSince is null ? WorkerPhase.Starting : WorkerPhase.Running,
        Alive ? TerminationReason.None : _ended == TerminationReason.None ? TerminationReason.WorkerLost : _ended,
        "simulated", Assignment.BudgetUsedSeconds + TrainedSeconds, null, [], null);

    private void Train()
    {
        _trainingSince = workers.World.Now;
        double left = Math.Max(0, _budget - Assignment.BudgetUsedSeconds);
        Finish((long)Math.Ceiling(left * 1000));
        Checkpoint();
    }

    private void Finish(long delay) => Here(delay, () =>
    {
        double left = _budget - Assignment.BudgetUsedSeconds - TrainedSeconds;
        if (left > 0.0005)
        {
            Finish((long)Math.Ceiling(left * 1000)); // its machine has been stopped meanwhile
        }
        else
        {
            End(TerminationReason.Completed, publishes: true);
        }
    });

    private void Checkpoint() => Here(CheckpointEvery, () =>
    {
        if (workers.Publish(this))
        {
            Checkpoint();
        }
        else
        {
            End(TerminationReason.LeaseExpired, publishes: false);
        }
    });

    private void WatchLease() => Here(Math.Max(1, (long)_lease.Remaining.TotalMilliseconds), () =>
    {
        if (_lease.Remaining > TimeSpan.Zero)
        {
            WatchLease();
        }
        else if (workers.Sabotage != Sabotage.WorkersIgnoreLeases)
        {
            End(TerminationReason.LeaseExpired, publishes: true);
        }
    });

    private void End(TerminationReason reason, bool publishes)
    {
        bool published = publishes && workers.Publish(this);
        Halt();
        Alive = false;
        _ended = publishes && !published ? TerminationReason.LeaseExpired : reason;
        workers.World.Say($"worker {Name} ends: {_ended}, {Assignment.BudgetUsedSeconds + _trained:0.000} s used");
    }

    private void Halt()
    {
        _trained = TrainedSeconds;
        _trainingSince = null;
    }

    /// <summary>Lets something happen in this process: later when its machine is stopped, never when the process is gone.</summary>
    private void Here(long delay, Action action) => Machine.Do(-1, delay, () =>
    {
        if (Alive)
        {
            action();
        }
    });

    /// <summary>Its machine goes on: the time of the stop is not training.</summary>
    public void Thaw(long stoppedAt)
    {
        if (_trainingSince is { } since)
        {
            _trained += (stoppedAt - since) / 1000.0;
            _trainingSince = workers.World.Now;
        }
    }
}
