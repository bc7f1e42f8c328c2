using System.Globalization;

namespace CramGrains.Silo.Scheduling;

/// <summary>Says why no device will ever do for an item as things stand.</summary>
internal sealed class WaitReasons(IReadOnlyList<PlannerDevice> devices)
{
    private readonly Dictionary<(string? Machine, Needs Needs), (WaitReason Reason, string Detail)> _known = [];

    public Wait Impossible(WorkItem item, Needs needs)
    {
        if (!_known.TryGetValue((item.RequiredMachine, needs), out (WaitReason Reason, string Detail) why))
        {
            _known[(item.RequiredMachine, needs)] = why = Why(item, needs);
        }

        return new Wait(why.Reason, item, Detail: why.Detail);
    }

    private (WaitReason Reason, string Detail) Why(WorkItem item, Needs needs)
    {
        List<PlannerDevice> here = [.. devices
            .Where(d => (d.Kind == DeviceReport.Data) == needs.Data && (item.RequiredMachine is null || d.Machine == item.RequiredMachine))
            .OrderBy(d => d.DeviceId, StringComparer.Ordinal)];
        if (here.Count == 0)
        {
            return (WaitReason.NoneReported, "");
        }

        if (here.Find(needs.MetBy) is { } unusable)
        {
            return (WaitReason.NoneUsable, $"{unusable.DeviceId} {unusable.Unusable}");
        }

        PlannerDevice best = here.OrderBy(d => d.Kind == DeviceReport.Cuda ? 0 : 1).ThenByDescending(d => d.MemoryBytes).First();
        string has = best.Kind != DeviceReport.Cuda ? "is a CPU" : string.Create(
            CultureInfo.InvariantCulture, $"has {best.MemoryBytes / (double)(1L << 30):0.#} GiB and compute capability {best.Capability / 10.0:0.0}");
        return (WaitReason.NoneFits, $"the largest, {best.DeviceId}, {has}");
    }
}
