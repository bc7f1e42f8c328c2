namespace CramGrains.Silo.Scheduling;

/// <summary>Who may be made to give way in one plan. Items are asked for in the order of the queue, highest priority first.</summary>
internal sealed class Victims
{
    private readonly Holders _ready;
    private readonly Holders _guaranteed;
    private readonly Dictionary<string, Holder> _leavingFor = new(StringComparer.Ordinal);
    private readonly TimeSpan _guarantee;

    public Victims(SchedulerSnapshot snapshot)
    {
        _guarantee = snapshot.GuaranteedRun;
        List<Holder> ready = [], guaranteed = [];
        foreach (PlannerDevice device in snapshot.Devices)
        {
            if (device.Lease is not { } lease || device.Unusable is not null)
            {
                continue;
            }

            if (lease.Leaving)
            {
                // Seldom more than one for the same item; then the first by name speaks, whatever order the devices come in.
                if (lease.LeavesFor is { } waiting
                    && (!_leavingFor.TryGetValue(waiting, out Holder? other) || string.CompareOrdinal(device.DeviceId, other.Device.DeviceId) < 0))
                {
                    _leavingFor[waiting] = new Holder(device, lease);
                }
            }
            else if (lease.Item.Preemptible)
            {
                (snapshot.Now - lease.Since >= _guarantee ? ready : guaranteed).Add(new Holder(device, lease));
            }
        }

        ready.Sort(static (a, b) =>
        {
            int byPriority = a.Priority.CompareTo(b.Priority), byTime = b.Lease.Since.UtcTicks.CompareTo(a.Lease.Since.UtcTicks);
            return byPriority != 0 ? byPriority : byTime != 0 ? byTime : string.CompareOrdinal(a.Device.DeviceId, b.Device.DeviceId);
        });
        guaranteed.Sort(static (a, b) =>
        {
            int byTime = a.Lease.Since.UtcTicks.CompareTo(b.Lease.Since.UtcTicks);
            return byTime != 0 ? byTime : string.CompareOrdinal(a.Device.DeviceId, b.Device.DeviceId);
        });
        (_ready, _guaranteed) = (new Holders(ready), new Holders(guaranteed));
    }

    /// <summary>The lease that is on its way out for this item.</summary>
    public PlannerLease? LeavingFor(WorkItem item) => _leavingFor.Count == 0 ? null : _leavingFor.GetValueOrDefault(item.ItemId)?.Lease;

    /// <summary>Takes the first that must give way to the item, lowest priority first, then who has had its device for the shortest time; each is taken once.</summary>
    public (PlannerDevice Device, PlannerLease Lease)? Take(WorkItem item, Needs needs) => _ready.Take(item, needs) is { } holder ? (holder.Device, holder.Lease) : null;

    /// <summary>Who will have to give way first, and when; each is named once.</summary>
    public (PlannerLease Lease, DateTimeOffset Until)? Guaranteed(WorkItem item, Needs needs) =>
        _guaranteed.Take(item, needs) is { } holder ? (holder.Lease, holder.Lease.Since + _guarantee) : null;

    private sealed class Holder(PlannerDevice device, PlannerLease lease)
    {
        public PlannerDevice Device { get; } = device;

        public PlannerLease Lease { get; } = lease;

        public int Priority { get; } = lease.Item.Priority;

        public bool Taken { get; set; }
    }

    /// <summary>Holders in the order in which they must go, over the cluster and by machine.</summary>
    /// <remarks>
    /// Whom an item has to pass over, all later items with the same needs pass over too: it is taken, or does not meet them, or has a priority that theirs do
    /// not exceed either, since priorities only fall along the queue. So each needs have a place in the list that only moves on.
    /// </remarks>
    private sealed class Holders
    {
        private readonly List<Holder> _all;
        private readonly Dictionary<string, List<Holder>> _byMachine = new(StringComparer.Ordinal);
        private readonly Dictionary<Needs, int> _places = [];
        private readonly int _lowest = int.MaxValue;

        public Holders(List<Holder> all)
        {
            _all = all;
            foreach (Holder holder in all)
            {
                if (!_byMachine.TryGetValue(holder.Device.Machine, out List<Holder>? here))
                {
                    _byMachine[holder.Device.Machine] = here = [];
                }

                here.Add(holder);
                _lowest = Math.Min(_lowest, holder.Priority);
            }
        }

        public Holder? Take(WorkItem item, Needs needs)
        {
            if (item.Priority <= _lowest)
            {
                return null;
            }

            if (item.RequiredMachine is { } machine)
            {
                return _byMachine.TryGetValue(machine, out List<Holder>? here) ? Take(here, 0, item, needs).Holder : null;
            }

            (Holder? holder, _places[needs]) = Take(_all, _places.GetValueOrDefault(needs), item, needs);
            return holder;
        }

        private static (Holder? Holder, int Place) Take(List<Holder> holders, int place, WorkItem item, Needs needs)
        {
            for (; place < holders.Count; place++)
            {
                Holder holder = holders[place];
                if (!holder.Taken && holder.Priority < item.Priority && needs.MetBy(holder.Device))
                {
                    holder.Taken = true;
                    return (holder, place + 1);
                }
            }

            return (null, place);
        }
    }
}
