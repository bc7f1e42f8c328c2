using System.Collections.Concurrent;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Cluster.Tests.Harness;

/// <summary>Workers without processes: they live in this object, as real ones live outside their silo, and do what the test says.</summary>
internal sealed class ScriptedWorkerHost : IWorkerHost
{
    private readonly ConcurrentDictionary<string, ScriptedWorker> _workers = new();

    /// <summary>What a new worker does; by default it does its job at once.</summary>
    public Action<ScriptedWorker> Script { get; set; } = worker => worker.Complete();

    public IReadOnlyList<ScriptedWorker> Workers => [.. _workers.Values.OrderBy(w => w.Assignment.LeaseEpoch)];

    public Task StartAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        bool created = false;
        ScriptedWorker worker = _workers.GetOrAdd(assignment.WorkFolder, _ =>
        {
            created = true;
            return new ScriptedWorker(assignment);
        });
        if (created)
        {
            Script(worker);
        }

        return Task.CompletedTask;
    }

    public Task<WorkerStatus?> PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken) =>
        Task.FromResult(_workers.TryGetValue(assignment.WorkFolder, out ScriptedWorker? worker) ? worker.Status : null);

    public Task<bool> RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken)
    {
        bool alive = _workers.TryGetValue(assignment.WorkFolder, out ScriptedWorker? worker) && worker.Alive;
        if (alive)
        {
            worker!.CountRenewal();
        }

        return Task.FromResult(alive);
    }

    public Task StopAsync(WorkerAssignment assignment, TerminationReason reason, CancellationToken cancellationToken)
    {
        if (_workers.TryGetValue(assignment.WorkFolder, out ScriptedWorker? worker) && worker is { Alive: true, Deaf: false })
        {
            worker.End(reason);
        }

        return Task.CompletedTask;
    }

    public Task KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        if (_workers.TryGetValue(assignment.WorkFolder, out ScriptedWorker? worker) && worker.Alive)
        {
            worker.Killed = true;
            worker.End(TerminationReason.WorkerLost);
        }

        return Task.CompletedTask;
    }
}

/// <summary>One scripted worker.</summary>
internal sealed class ScriptedWorker(WorkerAssignment assignment)
{
    private int _renewals;

    public WorkerAssignment Assignment { get; } = assignment;

    public WorkerStatus Status { get; private set; } = new(
        assignment.RunId, assignment.LeaseEpoch, assignment.Job, 4711, WorkerPhase.Starting, TerminationReason.None, "starting", assignment.BudgetUsedSeconds, null, [], null);

    public bool Alive => Status.Phase != WorkerPhase.Ended;

    /// <summary>Does not heed a stop.</summary>
    public bool Deaf { get; set; }

    public bool Killed { get; set; }

    public int Renewals => Volatile.Read(ref _renewals);

    public void CountRenewal() => Interlocked.Increment(ref _renewals);

    /// <summary>Trains: the budget used and progress as a worker would report them.</summary>
    public void Train(double budgetUsedSeconds, long steps = 10, double loss = 5) => Status = Status with
    {
        Phase = WorkerPhase.Running,
        Message = "pretraining",
        BudgetUsedSeconds = budgetUsedSeconds,
        Progress = new RunProgress("pretraining", OptimizerSteps: steps, TokensSeen: steps * 1000, LossNats: loss, HeldOutLossNats: loss + 0.5),
    };

    public void Run(string message) => Status = Status with { Phase = WorkerPhase.Running, Message = message };

    public void Notice(string notice) => Status = Status with { Notices = [.. Status.Notices, notice] };

    public void End(TerminationReason reason, string message = "ended", WorkerResult? result = null) =>
        Status = Status with { Phase = WorkerPhase.Ended, Reason = reason, Message = message, Result = result ?? Status.Result };

    /// <summary>Does its job well, whichever it is.</summary>
    public void Complete() => End(TerminationReason.Completed, "done", Made());

    /// <summary>What it makes when it does its job.</summary>
    public WorkerResult Made() => Assignment.Job switch
    {
        WorkerJob.PrepareCorpus => new WorkerResult(CorpusTokens: 123_456, CorpusDigest: MakeCorpus()),
        WorkerJob.Pretrain => new WorkerResult(
            OptimizerSteps: 100, TokensSeen: 100_000, HeldOutLossInitial: 7.5, HeldOutLoss: 3.25, Checkpoint: "checkpoints/step-100", Parameters: 42,
            Engine: "scripted", DeviceName: "Scripted CPU"),
        _ => new WorkerResult(Scores: [new GlueScore(Assignment.GlueTask!, "accuracy", 0.5 + (0.1 * Assignment.Seed), Assignment.Seed, Subset: true)]),
    };

    /// <summary>A corpus whose folder is gone is made again, so there has to be one.</summary>
    private string MakeCorpus()
    {
        const string digest = "c0ffee";
        Directory.CreateDirectory(Path.Combine(Assignment.CorporaFolder, digest));
        return digest;
    }
}
