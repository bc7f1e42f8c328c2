using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>The devices of one plan: what is free and when the others will be, found without looking at every device for every item.</summary>
/// <remarks>
/// Devices that are alike (kind, memory, capability) form a pool, over the cluster and again on each machine. Each pool keeps its devices best first with
/// a pointer past those that are taken, and a heap of the times at which they become free. A heap's entry is out of date once its device has another
/// time; it is passed over when it comes up.
/// </remarks>
internal sealed class DevicePools
{
    private readonly Slot[] _slots;
    private readonly Dictionary<string, List<Pool>> _byMachine = new(StringComparer.Ordinal);
    private readonly List<Pool> _everywhere;
    private readonly Dictionary<string, Slot> _byId;

    public DevicePools(SchedulerSnapshot snapshot)
    {
        _slots = [.. snapshot.Devices.Where(d => d.Unusable is null).OrderBy(Rank).ThenByDescending(d => d.MemoryBytes).ThenByDescending(d => d.Capability)
            .ThenBy(d => d.DeviceId, StringComparer.Ordinal).Select(d => new Slot(d, snapshot.Now))];
        _byId = _slots.ToDictionary(s => s.Device.DeviceId, StringComparer.Ordinal);
        _everywhere = Group(_slots);
        foreach (IGrouping<string, Slot> machine in _slots.GroupBy(s => s.Device.Machine, StringComparer.Ordinal))
        {
            _byMachine[machine.Key] = Group(machine);
        }
    }

    /// <summary>The best free device for the item, the preferred one before all others; null when there is none.</summary>
    public PlannerDevice? Free(WorkItem item)
    {
        if (item.PreferredDevice is { } wanted && _byId.TryGetValue(wanted, out Slot? preferred) && !preferred.Taken && Suits(preferred.Device, item))
        {
            return preferred.Device;
        }

        foreach (Pool pool in Of(item))
        {
            if (Fits(pool.Sample, item) && pool.FirstFree() is { } slot)
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
        slot.Pools.ForEach(p => p.Changed(slot));
    }

    /// <summary>Queues the item behind those that have or await the device that becomes free first.</summary>
    /// <returns>When that is; null when no device would ever do.</returns>
    public DateTimeOffset? Reserve(WorkItem item, TimeSpan hold)
    {
        Slot? first = null;
        foreach (Pool pool in Of(item))
        {
            if (Fits(pool.Sample, item) && pool.Soonest() is { } slot && (first is null || slot.FreeAtTicks < first.FreeAtTicks))
            {
                first = slot;
            }
        }

        if (first is null)
        {
            return null;
        }

        var start = new DateTimeOffset(first.FreeAtTicks, TimeSpan.Zero);
        first.FreeAtTicks = (start + hold).UtcTicks;
        first.Pools.ForEach(p => p.Changed(first));
        return start;
    }

    /// <summary>Whether the item may ever run on the device, were it free.</summary>
    public static bool Suits(PlannerDevice device, WorkItem item) =>
        (item.RequiredMachine is null || item.RequiredMachine == device.Machine) && Fits(device, item);

    private static bool Fits(PlannerDevice device, WorkItem item)
    {
        if ((device.Kind == DeviceReport.Data) != (item.Job == WorkerJob.PrepareCorpus))
        {
            return false;
        }

        if (item.Policy is not { } needs)
        {
            return true;
        }

        return device.Kind == DeviceReport.Cuda
            ? (device.MemoryBytes == 0 || device.MemoryBytes >= needs.MinMemoryBytes) && (device.Capability == 0 || device.Capability >= needs.MinCapability)
            : !needs.NeedsGpu;
    }

    private List<Pool> Of(WorkItem item) => item.RequiredMachine is null ? _everywhere : _byMachine.GetValueOrDefault(item.RequiredMachine) ?? [];

    private static int Rank(PlannerDevice device) => device.Kind == DeviceReport.Cuda ? 0 : 1;

    private static List<Pool> Group(IEnumerable<Slot> slots) =>
        [.. slots.GroupBy(s => (s.Device.Kind, s.Device.MemoryBytes, s.Device.Capability)).Select(g => new Pool([.. g]))];

    private sealed class Slot(PlannerDevice device, DateTimeOffset now)
    {
        // Whoever is past its time may end at any moment; a minute is as good a guess as another.
        private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

        public PlannerDevice Device { get; } = device;

        public bool Taken { get; set; } = device.Lease is not null;

        public long FreeAtTicks { get; set; } = device.Lease is not { } lease ? now.UtcTicks
            : lease.Leaving ? (now + Soon).UtcTicks
            : Math.Max((lease.Since + Planner.Hold(lease.Item)).UtcTicks, (now + Soon).UtcTicks);

        public List<Pool> Pools { get; } = [];
    }

    private sealed class Pool
    {
        private readonly Slot[] _slots;
        private readonly PriorityQueue<(Slot Slot, long FreeAt), (long FreeAt, int Index)> _soonest = new();
        private readonly Dictionary<Slot, int> _index = [];
        private int _free;

        public Pool(Slot[] slots)
        {
            _slots = slots;
            for (int i = 0; i < slots.Length; i++)
            {
                _index[slots[i]] = i;
                slots[i].Pools.Add(this);
                Changed(slots[i]);
            }
        }

        public PlannerDevice Sample => _slots[0].Device;

        public Slot? FirstFree()
        {
            while (_free < _slots.Length && _slots[_free].Taken)
            {
                _free++;
            }

            return _free < _slots.Length ? _slots[_free] : null;
        }

        public Slot? Soonest()
        {
            while (_soonest.TryPeek(out (Slot Slot, long FreeAt) entry, out _))
            {
                if (entry.Slot.FreeAtTicks == entry.FreeAt)
                {
                    return entry.Slot;
                }

                _soonest.Dequeue();
            }

            return null;
        }

        public void Changed(Slot slot) => _soonest.Enqueue((slot, slot.FreeAtTicks), (slot.FreeAtTicks, _index[slot]));
    }
}
