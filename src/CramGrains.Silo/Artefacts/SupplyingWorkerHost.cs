using System.Collections.Concurrent;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Artefacts;

/// <summary>Worker processes in a cluster: what a worker needs is brought to this machine before it starts, and what it makes is made known.</summary>
/// <remarks>To whoever looks after the worker it is simply starting for a while. A restarted silo begins the bringing again, from what has arrived.</remarks>
internal sealed partial class SupplyingWorkerHost(
    ProcessWorkerHost processes, Supplies supplies, Publisher publisher, Deliveries deliveries, IGrainFactory grains, Hosting.SiloClock clock, ILogger<SupplyingWorkerHost> logger) : IWorkerHost, IDisposable
{
    private readonly ConcurrentDictionary<string, Preparation> _preparations = new();

    public async Task StartAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        // From here on, not from when the others have answered.
        var lease = new WorkerLease(assignment.LeaseEpoch, TimeSpan.FromSeconds(assignment.LeaseSeconds), clock.Time);
        if (await processes.PollAsync(assignment, cancellationToken) is not null)
        {
            return; // alive or ended, it was started once
        }

        if (assignment.Job == WorkerJob.Pretrain
            && !await grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints(assignment.RunId)).BeginAsync(assignment.LeaseEpoch))
        {
            _preparations[assignment.WorkFolder] = new Preparation(lease)
            {
                Ended = (TerminationReason.WorkerLost, "its lease epoch is stale: another attempt has taken over"),
            };
            return;
        }

        var preparation = new Preparation(lease);
        if (lease.Remaining == TimeSpan.Zero)
        {
            preparation.Ended = (TerminationReason.LeaseExpired, "its lease ran out before anything could be brought; the run may go on elsewhere");
        }

        if (_preparations.TryAdd(assignment.WorkFolder, preparation) && preparation.Ended is null)
        {
            preparation.Work = Task.Run(() => PrepareAsync(assignment, preparation), CancellationToken.None);
        }
    }

    public async Task<WorkerStatus?> PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        if (_preparations.TryGetValue(assignment.WorkFolder, out Preparation? preparation))
        {
            if (preparation.Ended is { } ended)
            {
                _preparations.TryRemove(assignment.WorkFolder, out _);
                return Starting(assignment) with { Phase = WorkerPhase.Ended, Reason = ended.Reason, Message = ended.Message };
            }

            if (!preparation.Started)
            {
                return Starting(assignment) with { Message = Message(preparation) };
            }

            _preparations.TryRemove(assignment.WorkFolder, out _);
        }

        WorkerStatus? status = await processes.PollAsync(assignment, cancellationToken);
        if (status is not null)
        {
            try
            {
                await publisher.LookAsync(assignment, status);
            }
            catch (Exception problem) when (status.Phase != WorkerPhase.Ended && problem is OrleansException or TimeoutException or IOException)
            {
                LogNotPublished(logger, problem, assignment.RunId); // at the next look; only the end must wait for it
            }
        }

        return status;
    }

    public Task<bool> RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken) =>
        _preparations.TryGetValue(assignment.WorkFolder, out Preparation? preparation) && !preparation.Started
            ? Task.FromResult(preparation.Lease.TryRenew(assignment.LeaseEpoch, duration))
            : processes.RenewLeaseAsync(assignment, duration, cancellationToken);

    public Task StopAsync(WorkerAssignment assignment, TerminationReason reason, CancellationToken cancellationToken)
    {
        if (_preparations.TryGetValue(assignment.WorkFolder, out Preparation? preparation) && preparation.TryEnd(reason, $"stopped before it began: {Runs.Words.Of(reason)}"))
        {
            return Task.CompletedTask;
        }

        return processes.StopAsync(assignment, reason, cancellationToken);
    }

    public Task KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        if (_preparations.TryGetValue(assignment.WorkFolder, out Preparation? preparation))
        {
            preparation.TryEnd(TerminationReason.WorkerLost, "ended before it began");
        }

        return processes.KillAsync(assignment, cancellationToken);
    }

    public void Dispose() => processes.Dispose();

    private async Task PrepareAsync(WorkerAssignment assignment, Preparation preparation)
    {
        try
        {
            WorkerAssignment ready = await supplies.BringAsync(assignment, (target, what) => preparation.WaitsFor = (target, what), preparation.Stopping);
            TimeSpan left = preparation.Lease.Remaining;
            if (left == TimeSpan.Zero)
            {
                preparation.TryEnd(TerminationReason.LeaseExpired, "its lease ran out while what it needs was brought; the run may go on elsewhere");
                return;
            }

            await preparation.StartAsync(() => processes.StartAsync(ready with { LeaseSeconds = left.TotalSeconds }, CancellationToken.None));
        }
        catch (OperationCanceledException) when (preparation.Stopping.IsCancellationRequested)
        {
            // Whoever stopped it has said why.
        }
        catch (Exception problem) // Every way in which supplies can fail becomes an end that the cluster can act on.
        {
            LogNotSupplied(logger, problem, assignment.RunId, assignment.LeaseEpoch);
            // Nothing to blame the run for: it goes back to the queue, and on to where its things are or when their machine is back.
            TerminationReason reason = DiskErrors.IsDiskFull(problem) ? TerminationReason.DiskFull : TerminationReason.LeaseExpired;
            preparation.TryEnd(reason, problem.Message);
        }
    }

    private string Message(Preparation preparation)
    {
        if (preparation.WaitsFor is not { } waits)
        {
            return "looks for what it needs";
        }

        string progress = deliveries.Progress(waits.Target);
        return progress.Length > 0 ? $"fetches {waits.What}: {progress}" : $"fetches {waits.What}";
    }

    private static WorkerStatus Starting(WorkerAssignment assignment) => new(
        assignment.RunId, assignment.LeaseEpoch, assignment.Job, 0, WorkerPhase.Starting, TerminationReason.None, "", assignment.BudgetUsedSeconds, null, [], null);

    [LoggerMessage(EventId = 1731, Level = LogLevel.Warning, Message = "What the worker of {RunId} has made could not be published; trying again")]
    private static partial void LogNotPublished(ILogger logger, Exception problem, string runId);

    [LoggerMessage(EventId = 1732, Level = LogLevel.Warning, Message = "{RunId} of epoch {Epoch} cannot start here: something that it needs did not come")]
    private static partial void LogNotSupplied(ILogger logger, Exception problem, string runId, long epoch);

    /// <summary>The time between an order and its worker. Its lease counts from the order on: what is fetched for longer than that must not be started.</summary>
    private sealed class Preparation(WorkerLease lease) : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Lock _gate = new();
        private volatile bool _starting;
        private volatile bool _started;

        public WorkerLease Lease { get; } = lease;

        public Task Work { get; set; } = Task.CompletedTask;

        public (string Target, string What)? WaitsFor { get; set; }

        public bool Started
        {
            get => _started;
            private set => _started = value;
        }

        public (TerminationReason Reason, string Message)? Ended { get; set; }

        public CancellationToken Stopping => _stop.Token;

        public void Dispose() => _stop.Dispose();

        /// <summary>Starts the worker unless it was stopped before; from then on only the worker itself can be stopped.</summary>
        /// <remarks>It has started only when its process is there to be found: said earlier, whoever looks would find none and start a second one.</remarks>
        public async Task StartAsync(Func<Task> start)
        {
            lock (_gate)
            {
                if (Ended is not null)
                {
                    return;
                }

                _starting = true;
            }

            try
            {
                await start();
                Started = true;
            }
            finally
            {
                _starting = false;
            }
        }

        /// <returns>False when the worker is being started or has started, or the end has been told already.</returns>
        public bool TryEnd(TerminationReason reason, string message)
        {
            lock (_gate)
            {
                if (_starting || Started || Ended is not null)
                {
                    return false;
                }

                Ended = (reason, message);
            }

            _stop.Cancel();
            return true;
        }
    }
}
