namespace CramGrains.Silo.Worker;

/// <summary>The seam between grains and worker processes of this machine; tests put a scripted one here that needs no torch and no process.</summary>
internal interface IWorkerHost
{
    /// <summary>Starts a worker, or finds the living one that already has this assignment (same work folder); idempotent.</summary>
    Task StartAsync(WorkerAssignment assignment, CancellationToken cancellationToken);

    /// <summary>The worker's word: from its socket while it lives, else its last status file. Null when there never was one.</summary>
    /// <remarks>A dead process whose last status is not <see cref="WorkerPhase.Ended"/> is reported as ended with <see cref="Interfaces.Runs.TerminationReason.WorkerLost"/>.</remarks>
    Task<WorkerStatus?> PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken);

    /// <summary>Prolongs the worker's lease. False when it refused (stale epoch) or does not answer.</summary>
    Task<bool> RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>Asks the worker to checkpoint and end with this reason; returns at once.</summary>
    Task StopAsync(WorkerAssignment assignment, Interfaces.Runs.TerminationReason reason, CancellationToken cancellationToken);

    /// <summary>Kills the worker's process if it still lives; returns when it is gone.</summary>
    Task KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken);
}
