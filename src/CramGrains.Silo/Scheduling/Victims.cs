namespace CramGrains.Silo.Scheduling;

/// <summary>Who may be made to give way in one plan, lowest priority first, then who has had its device for the shortest time.</summary>
internal sealed class Victims
{
    private readonly List<(PlannerDevice Device, PlannerLease Lease)> _ready = [];
    private readonly List<(PlannerDevice Device, PlannerLease Lease)> _guaranteed = [];
    private readonly Dictionary<string, PlannerLease> _leavingFor = new(StringComparer.Ordinal);
    private readonly TimeSpan _guarantee;

    public Victims(SchedulerSnapshot snapshot)
    {
        _guarantee = snapshot.GuaranteedRun;
        foreach (PlannerDevice device in snapshot.Devices.Where(d => d.Lease is not null && d.Unusable is null))
        {
            PlannerLease lease = device.Lease!;
            if (lease.Leaving)
            {
                if (lease.LeavesFor is { } waiting)
                {
                    _leavingFor[waiting] = lease;
                }
            }
            else if (lease.Item.Preemptible)
            {
                (snapshot.Now - lease.Since >= _guarantee ? _ready : _guaranteed).Add((device, lease));
            }
        }

        _ready.Sort(static (a, b) =>
        {
            int byPriority = a.Lease.Item.Priority.CompareTo(b.Lease.Item.Priority), byTime = b.Lease.Since.UtcTicks.CompareTo(a.Lease.Since.UtcTicks);
            return byPriority != 0 ? byPriority : byTime != 0 ? byTime : string.CompareOrdinal(a.Device.DeviceId, b.Device.DeviceId);
        });
        _guaranteed.Sort(static (a, b) =>
        {
            int byTime = a.Lease.Since.UtcTicks.CompareTo(b.Lease.Since.UtcTicks);
            return byTime != 0 ? byTime : string.CompareOrdinal(a.Device.DeviceId, b.Device.DeviceId);
        });
    }

    /// <summary>The lease that is on its way out for this item.</summary>
    public PlannerLease? LeavingFor(WorkItem item) => _leavingFor.GetValueOrDefault(item.ItemId);

    /// <summary>Takes the first that must give way to the item; each is taken once.</summary>
    public (PlannerDevice Device, PlannerLease Lease)? Take(WorkItem item)
    {
        for (int i = 0; i < _ready.Count && _ready[i].Lease.Item.Priority < item.Priority; i++)
        {
            if (DevicePools.Suits(_ready[i].Device, item))
            {
                (PlannerDevice, PlannerLease) victim = _ready[i];
                _ready.RemoveAt(i);
                return victim;
            }
        }

        return null;
    }

    /// <summary>Who will have to give way first, and when; each is named once.</summary>
    public (PlannerLease Lease, DateTimeOffset Until)? Guaranteed(WorkItem item)
    {
        for (int i = 0; i < _guaranteed.Count; i++)
        {
            (PlannerDevice device, PlannerLease lease) = _guaranteed[i];
            if (lease.Item.Priority < item.Priority && DevicePools.Suits(device, item))
            {
                _guaranteed.RemoveAt(i);
                return (lease, lease.Since + _guarantee);
            }
        }

        return null;
    }
}
