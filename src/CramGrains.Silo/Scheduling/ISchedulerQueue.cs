using Orleans.Concurrency;

namespace CramGrains.Silo.Scheduling;

/// <summary>The scheduler as the silo's own grains see it (key <c>default</c>).</summary>
[Alias("cram.ISchedulerQueue")]
internal interface ISchedulerQueue : IGrainWithStringKey
{
    /// <summary>Takes a run into the index of runs; durable when it returns. Again changes nothing, nor does it for a life that has ended.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="submittedAt">When it was submitted.</param>
    /// <param name="life">How often it has been queued again after it had ended: tells a late call for an earlier life from one for this.</param>
    [Alias("Enroll"), ResponseTimeout("00:00:10")]
    Task EnrollAsync(string runId, DateTimeOffset submittedAt, int life);

    /// <summary>Moves a run to the ended ones and forgets what it still waits for; nothing happens when a later life of it has begun.</summary>
    [Alias("RunEnded"), ResponseTimeout("00:00:10")]
    Task RunEndedAsync(string runId, int life);

    /// <summary>Runs that have not ended.</summary>
    [Alias("ActiveRuns"), ResponseTimeout("00:00:10")]
    Task<IReadOnlyList<string>> ActiveRunsAsync();

    /// <summary>Puts an item into the queue unless it is there, and says where it stands. A grant is durable when it is returned.</summary>
    [Alias("Request"), ResponseTimeout("00:00:10")]
    Task<WorkTicket> RequestAsync(WorkItem item);

    /// <summary>Takes an item out of the queue and ends its lease. Refused when the lease has another epoch than <paramref name="knownEpoch"/>; 0 knows of no lease.</summary>
    [Alias("Release"), ResponseTimeout("00:00:10")]
    Task<bool> ReleaseAsync(string itemId, long knownEpoch);

    /// <summary>All devices of a machine, every few seconds.</summary>
    [Alias("ReportDevices"), ResponseTimeout("00:00:10")]
    Task ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices);

    /// <summary>An owner's answer to whether it holds a lease. One that nobody holds is ended, unless its owner has asked for it since <paramref name="version"/>.</summary>
    [Alias("Audited"), ResponseTimeout("00:00:10")]
    Task AuditedAsync(string itemId, long epoch, long version, bool held);
}

/// <summary>A grain that waits for a place.</summary>
[Alias("cram.IWorkOwner")]
internal interface IWorkOwner : IGrain
{
    /// <summary>Something it waits for has happened; it looks for itself. Lost wakes do no harm.</summary>
    [Alias("Wake"), OneWay]
    Task WakeAsync();

    /// <summary>Whether it holds, or may yet come to hold, this lease.</summary>
    [Alias("Holds"), ResponseTimeout("00:00:10")]
    Task<bool> HoldsAsync(string itemId, long epoch);
}
