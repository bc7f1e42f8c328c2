namespace CramGrains.Silo.Scheduling;

/// <summary>A device as the planner sees it.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="Machine">Its machine.</param>
/// <param name="Kind"><c>cuda</c>, <c>cpu</c> or <c>data</c>.</param>
/// <param name="MemoryBytes">Its memory; 0 when unknown.</param>
/// <param name="Lease">Who has it; null when free.</param>
/// <param name="Unusable">Why nothing may be placed on it; null when it may.</param>
/// <param name="Capability">Compute capability, ten times its number; 0 when unknown.</param>
internal sealed record PlannerDevice(
    string DeviceId, string Machine, string Kind, long MemoryBytes, PlannerLease? Lease = null, string? Unusable = null, int Capability = 0);

/// <summary>A lease as the planner sees it.</summary>
/// <param name="Item">What has the device.</param>
/// <param name="Since">When it was given.</param>
/// <param name="Leaving">Whether it has been told to give way.</param>
/// <param name="LeavesFor">The item for whose sake; null for none.</param>
internal sealed record PlannerLease(WorkItem Item, DateTimeOffset Since, bool Leaving = false, string? LeavesFor = null);

/// <summary>Everything that a plan depends on.</summary>
/// <param name="Devices">All devices.</param>
/// <param name="Waiting">Items that want a place.</param>
internal sealed record SchedulerSnapshot(IReadOnlyList<PlannerDevice> Devices, IReadOnlyList<WorkItem> Waiting)
{
    /// <summary>UTC.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>Device-hours by user, decayed.</summary>
    public IReadOnlyDictionary<string, double> UsedHours { get; init; } = new Dictionary<string, double>();

    /// <summary>Nobody is preempted before having had a device for so long.</summary>
    public TimeSpan GuaranteedRun { get; init; } = TimeSpan.Zero;
}

/// <summary>A holder that should give way.</summary>
/// <param name="VictimItemId">Who has the device.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="ForItemId">Who waits for it.</param>
internal sealed record Preemption(string VictimItemId, string DeviceId, string ForItemId);

/// <summary>Who gets what, who gives way, and why the others wait.</summary>
/// <param name="Assignments">Item to device, in the order in which they were given.</param>
/// <param name="Preemptions">Who should give way to whom.</param>
/// <param name="Waits">For each item that goes on waiting: why, and until when.</param>
internal sealed record SchedulerPlan(
    IReadOnlyList<(string ItemId, string DeviceId)> Assignments, IReadOnlyList<Preemption> Preemptions, IReadOnlyDictionary<string, Wait> Waits);
