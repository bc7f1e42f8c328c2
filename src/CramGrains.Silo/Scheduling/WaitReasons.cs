using System.Globalization;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>Says why no device will ever do for an item as things stand.</summary>
internal sealed class WaitReasons(IReadOnlyList<PlannerDevice> devices)
{
    public Wait Impossible(WorkItem item)
    {
        bool data = item.Job == WorkerJob.PrepareCorpus;
        List<PlannerDevice> here = [.. devices
            .Where(d => (d.Kind == DeviceReport.Data) == data && (item.RequiredMachine is null || d.Machine == item.RequiredMachine))
            .OrderBy(d => d.DeviceId, StringComparer.Ordinal)];
        if (here.Count == 0)
        {
            return new Wait(WaitReason.NoneReported, item);
        }

        if (here.Find(d => DevicePools.Suits(d, item)) is { } unusable)
        {
            return new Wait(WaitReason.NoneUsable, item, Detail: $"{unusable.DeviceId} {unusable.Unusable}");
        }

        PlannerDevice best = here.OrderBy(d => d.Kind == DeviceReport.Cuda ? 0 : 1).ThenByDescending(d => d.MemoryBytes).First();
        string has = best.Kind != DeviceReport.Cuda ? "is a CPU" : string.Create(
            CultureInfo.InvariantCulture, $"has {best.MemoryBytes / (double)(1L << 30):0.#} GiB and compute capability {best.Capability / 10.0:0.0}");
        return new Wait(WaitReason.NoneFits, item, Detail: $"the largest, {best.DeviceId}, {has}");
    }
}
