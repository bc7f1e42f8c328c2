using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>A device as the planner sees it.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="Machine">Its machine.</param>
/// <param name="Kind"><c>cuda</c>, <c>cpu</c> or <c>data</c>.</param>
/// <param name="MemoryBytes">Its memory.</param>
/// <param name="HeldBy">Item that has its lease; null when free.</param>
/// <param name="Unusable">Why nothing may be placed on it; null when it may.</param>
internal sealed record PlannerDevice(string DeviceId, string Machine, string Kind, long MemoryBytes, string? HeldBy, string? Unusable);

/// <summary>Everything that a plan depends on.</summary>
internal sealed record SchedulerSnapshot(IReadOnlyList<PlannerDevice> Devices, IReadOnlyList<WorkItem> Waiting);

/// <param name="Assignments">Item to device, in the order in which they were given.</param>
/// <param name="Reasons">For each item that goes on waiting: why, for people.</param>
internal sealed record SchedulerPlan(IReadOnlyList<(string ItemId, string DeviceId)> Assignments, IReadOnlyDictionary<string, string> Reasons);

/// <summary>Who gets which device, as a pure function: the same snapshot always gives the same plan, whatever order its lists are in.</summary>
/// <remarks>Priority first, then the run's age. An item that cannot run now does not hold up those behind it that can.</remarks>
internal static class Planner
{
    public static SchedulerPlan Plan(SchedulerSnapshot snapshot)
    {
        var free = new Dictionary<(bool Data, string Machine), List<PlannerDevice>>();
        var counts = new Dictionary<bool, (int All, int Usable)> { [true] = default, [false] = default };
        foreach (PlannerDevice device in snapshot.Devices.OrderBy(Rank).ThenByDescending(d => d.MemoryBytes).ThenBy(d => d.DeviceId, StringComparer.Ordinal))
        {
            bool data = device.Kind == DeviceReport.Data;
            (int all, int usable) = counts[data];
            counts[data] = (all + 1, usable + (device.Unusable is null ? 1 : 0));
            if (device.Unusable is null && device.HeldBy is null)
            {
                Free(free, (data, device.Machine)).Add(device);
            }
        }

        int freeData = free.Where(f => f.Key.Data).Sum(f => f.Value.Count), freeCompute = free.Where(f => !f.Key.Data).Sum(f => f.Value.Count);
        var assignments = new List<(string, string)>();
        var reasons = new Dictionary<string, string>(snapshot.Waiting.Count);
        (int waitingData, int waitingCompute) = (0, 0);
        foreach (WorkItem item in InOrder(snapshot.Waiting))
        {
            bool data = item.Job == WorkerJob.PrepareCorpus;
            PlannerDevice? device = (data ? freeData : freeCompute) > 0 ? Choose(free, item, data) : null;
            if (device is not null)
            {
                free[(data, device.Machine)].Remove(device);
                freeData -= data ? 1 : 0;
                freeCompute -= data ? 0 : 1;
                assignments.Add((item.ItemId, device.DeviceId));
                continue;
            }

            int ahead = data ? waitingData++ : waitingCompute++;
            reasons[item.ItemId] = Reason(snapshot, item, data, counts[data], ahead);
        }

        return new SchedulerPlan(assignments, reasons);
    }

    private static IEnumerable<WorkItem> InOrder(IReadOnlyList<WorkItem> waiting) => waiting
        .OrderByDescending(i => i.Priority).ThenBy(i => i.OrderedAt).ThenBy(i => i.ItemId, StringComparer.Ordinal);

    private static int Rank(PlannerDevice device) => device.Kind == DeviceReport.Cuda ? 0 : 1;

    private static List<PlannerDevice> Free(Dictionary<(bool, string), List<PlannerDevice>> free, (bool, string) key)
    {
        if (!free.TryGetValue(key, out List<PlannerDevice>? list))
        {
            free[key] = list = [];
        }

        return list;
    }

    /// <summary>The preferred device when it is free, else the best: GPUs before CPUs, more memory first.</summary>
    private static PlannerDevice? Choose(Dictionary<(bool Data, string Machine), List<PlannerDevice>> free, WorkItem item, bool data)
    {
        if (item.RequiredMachine is not null)
        {
            return free.TryGetValue((data, item.RequiredMachine), out List<PlannerDevice>? here)
                ? here.Find(d => d.DeviceId == item.PreferredDevice) ?? here.FirstOrDefault()
                : null;
        }

        IEnumerable<List<PlannerDevice>> lists = free.Where(f => f.Key.Data == data && f.Value.Count > 0).Select(f => f.Value);
        PlannerDevice? best = null;
        foreach (List<PlannerDevice> list in lists)
        {
            if (item.PreferredDevice is not null && list.Find(d => d.DeviceId == item.PreferredDevice) is { } preferred)
            {
                return preferred;
            }

            best = best is null || Compare(list[0], best) < 0 ? list[0] : best;
        }

        return best;
    }

    private static int Compare(PlannerDevice a, PlannerDevice b)
    {
        int byKind = Rank(a).CompareTo(Rank(b)), byMemory = b.MemoryBytes.CompareTo(a.MemoryBytes);
        return byKind != 0 ? byKind : byMemory != 0 ? byMemory : string.CompareOrdinal(a.DeviceId, b.DeviceId);
    }

    private static string Reason(SchedulerSnapshot snapshot, WorkItem item, bool data, (int All, int Usable) devices, int ahead)
    {
        string what = data ? "place to prepare corpora" : "device";
        if (devices.All == 0)
        {
            return $"no {what} has reported yet";
        }

        if (devices.Usable == 0)
        {
            PlannerDevice first = snapshot.Devices.First(d => (d.Kind == DeviceReport.Data) == data);
            return $"no {what} can be used: {first.DeviceId} {first.Unusable}";
        }

        string where = item.RequiredMachine is null ? "" : $" on {item.RequiredMachine}, which has its data";
        string queue = ahead == 0 ? "next in the queue" : $"{ahead} ahead in the queue";
        return $"waits for a free {what}{where}: {queue}";
    }
}
