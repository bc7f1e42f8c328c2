namespace CramGrains.Silo.Scheduling;

/// <summary>The devices of one plan: what is free and when the others will be, found without looking at every device for every item.</summary>
/// <remarks>
/// Devices that are alike (kind, memory, capability) form a pool, and items with the same needs look into the same pools. What is bound to a machine looks
/// at that machine's few devices. Times at which devices become free only grow in the course of a plan.
/// </remarks>
internal sealed class DevicePools
{
    private readonly List<Pool> _pools = [];
    private readonly Dictionary<Needs, Pool[]> _fitting = [];
    private readonly Dictionary<string, List<Slot>> _byMachine = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Slot> _byId = new(StringComparer.Ordinal);

    public DevicePools(SchedulerSnapshot snapshot)
    {
        var usable = new List<PlannerDevice>(snapshot.Devices.Count);
        usable.AddRange(snapshot.Devices.Where(d => d.Unusable is null));
        usable.Sort(BestFirst);
        var pools = new Dictionary<(string, long, int), List<Slot>>();
        for (int rank = 0; rank < usable.Count; rank++)
        {
            var slot = new Slot(usable[rank], rank, snapshot.Now);
            _byId.Add(slot.Device.DeviceId, slot);
            Add(_byMachine, slot.Device.Machine, slot);
            Add(pools, (slot.Device.Kind, slot.Device.MemoryBytes, slot.Device.Capability), slot);
        }

        _pools.AddRange(pools.Values.Select(alike => new Pool(alike)).OrderBy(p => p.Sample.Rank));
    }

    /// <summary>The best free device for the item, the preferred one before all others; null when there is none.</summary>
    public PlannerDevice? Free(WorkItem item, Needs needs)
    {
        if (item.PreferredDevice is { } wanted && _byId.TryGetValue(wanted, out Slot? preferred) && !preferred.Taken
            && (item.RequiredMachine is null || item.RequiredMachine == preferred.Device.Machine) && needs.MetBy(preferred.Device))
        {
            return preferred.Device;
        }

        if (item.RequiredMachine is { } machine)
        {
            return Here(machine).Find(s => !s.Taken && needs.MetBy(s.Device))?.Device;
        }

        foreach (Pool pool in Fitting(needs))
        {
            if (pool.FirstFree() is { } slot)
            {
                return slot.Device;
            }
        }

        return null;
    }

    /// <summary>Gives a free device to an item that will hold it for a while.</summary>
    public void Take(PlannerDevice device, DateTimeOffset until)
    {
        Slot slot = _byId[device.DeviceId];
        slot.Taken = true;
        slot.FreeAtTicks = until.UtcTicks;
    }

    /// <summary>Queues the item behind those that have or await the device that becomes free first.</summary>
    /// <returns>When that is; null when no device would ever do.</returns>
    public DateTimeOffset? Reserve(WorkItem item, Needs needs, TimeSpan hold)
    {
        Slot? first = null;
        if (item.RequiredMachine is { } machine)
        {
            foreach (Slot slot in Here(machine))
            {
                first = needs.MetBy(slot.Device) && slot.IsFreeBefore(first) ? slot : first;
            }
        }
        else
        {
            foreach (Pool pool in Fitting(needs))
            {
                Slot slot = pool.Soonest();
                first = slot.IsFreeBefore(first) ? slot : first;
            }
        }

        if (first is null)
        {
            return null;
        }

        var start = new DateTimeOffset(first.FreeAtTicks, TimeSpan.Zero);
        first.FreeAtTicks = (start + hold).UtcTicks;
        return start;
    }

    private List<Slot> Here(string machine) => _byMachine.GetValueOrDefault(machine) ?? [];

    private Pool[] Fitting(Needs needs)
    {
        if (!_fitting.TryGetValue(needs, out Pool[]? pools))
        {
            _fitting[needs] = pools = [.. _pools.Where(p => needs.MetBy(p.Sample.Device))];
        }

        return pools;
    }

    private static int BestFirst(PlannerDevice a, PlannerDevice b)
    {
        bool isGpu = a.Kind == DeviceReport.Cuda;
        return isGpu != (b.Kind == DeviceReport.Cuda) ? (isGpu ? -1 : 1)
            : a.MemoryBytes != b.MemoryBytes ? b.MemoryBytes.CompareTo(a.MemoryBytes)
            : a.Capability != b.Capability ? b.Capability.CompareTo(a.Capability)
            : string.CompareOrdinal(a.DeviceId, b.DeviceId);
    }

    private static void Add<TKey>(Dictionary<TKey, List<Slot>> groups, TKey key, Slot slot) where TKey : notnull
    {
        if (!groups.TryGetValue(key, out List<Slot>? group))
        {
            groups[key] = group = [];
        }

        group.Add(slot);
    }

    private sealed class Slot(PlannerDevice device, int rank, DateTimeOffset now)
    {
        // Whoever is past its time may end at any moment; a minute is as good a guess as another.
        private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

        public PlannerDevice Device { get; } = device;

        /// <summary>Its place among all devices, best first.</summary>
        public int Rank { get; } = rank;

        public bool Taken { get; set; } = device.Lease is not null;

        public long FreeAtTicks { get; set; } = device.Lease is not { } lease ? now.UtcTicks
            : lease.Leaving ? (now + Soon).UtcTicks
            : Math.Max((lease.Since + Planner.Hold(lease.Item)).UtcTicks, (now + Soon).UtcTicks);

        public bool IsFreeBefore(Slot? other) =>
            other is null || FreeAtTicks < other.FreeAtTicks || (FreeAtTicks == other.FreeAtTicks && Rank < other.Rank);
    }

    /// <summary>Devices that are alike, best first.</summary>
    private sealed class Pool
    {
        // A tuple's own comparison asks a comparer for each field.
        private static readonly IComparer<(long FreeAt, int Rank)> Earlier = Comparer<(long FreeAt, int Rank)>.Create(static (a, b) =>
            a.FreeAt != b.FreeAt ? a.FreeAt.CompareTo(b.FreeAt) : a.Rank.CompareTo(b.Rank));

        private readonly List<Slot> _slots;
        private readonly PriorityQueue<Slot, (long FreeAt, int Rank)> _soonest;
        private int _free;

        public Pool(List<Slot> slots)
        {
            _slots = slots;
            _soonest = new PriorityQueue<Slot, (long FreeAt, int Rank)>(slots.Select(s => (s, (s.FreeAtTicks, s.Rank))), Earlier);
        }

        public Slot Sample => _slots[0];

        public Slot? FirstFree()
        {
            while (_free < _slots.Count && _slots[_free].Taken)
            {
                _free++;
            }

            return _free < _slots.Count ? _slots[_free] : null;
        }

        /// <summary>The device that is free first. Where one has got a later time meanwhile, it is put in its place once it comes up.</summary>
        public Slot Soonest()
        {
            while (true)
            {
                _soonest.TryPeek(out Slot? slot, out (long FreeAt, int Rank) noted);
                if (slot!.FreeAtTicks == noted.FreeAt)
                {
                    return slot;
                }

                _soonest.DequeueEnqueue(slot, (slot.FreeAtTicks, slot.Rank));
            }
        }
    }
}
