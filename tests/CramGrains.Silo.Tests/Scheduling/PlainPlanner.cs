using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>The planner's rules written down as plainly as they can be: every item looks at every device. Slow, and what the real one is held to.</summary>
internal static class PlainPlanner
{
    public static SchedulerPlan Plan(SchedulerSnapshot snapshot)
    {
        List<PlannerDevice> devices = [.. snapshot.Devices.Where(d => d.Unusable is null)
            .OrderBy(d => d.Kind == DeviceReport.Cuda ? 0 : 1).ThenByDescending(d => d.MemoryBytes).ThenByDescending(d => d.Capability).ThenBy(d => d.DeviceId, StringComparer.Ordinal)];
        HashSet<PlannerDevice> taken = [.. devices.Where(d => d.Lease is not null)], doomed = [], named = [];
        Dictionary<PlannerDevice, DateTimeOffset> freeAt = devices.ToDictionary(d => d, d => FreeAt(d, snapshot.Now));
        var assignments = new List<(string, string)>();
        var preemptions = new List<Preemption>();
        var waits = new Dictionary<string, Wait>();
        var ahead = new Dictionary<bool, int>();
        foreach (WorkItem item in Order(snapshot))
        {
            List<PlannerDevice> suitable = [.. devices.Where(d => Suits(d, item))], free = [.. suitable.Where(d => !taken.Contains(d))];
            if (item.Policy?.HeldBy is not null)
            {
                waits[item.ItemId] = new Wait(WaitReason.Held, item);
            }
            else if ((free.Find(d => d.DeviceId == item.PreferredDevice) ?? free.FirstOrDefault()) is { } device)
            {
                taken.Add(device);
                freeAt[device] = snapshot.Now + Planner.Hold(item);
                assignments.Add((item.ItemId, device.DeviceId));
            }
            else
            {
                bool data = item.Job == WorkerJob.PrepareCorpus;
                int before = ahead.GetValueOrDefault(data);
                ahead[data] = before + 1;
                waits[item.ItemId] = Wait(item, suitable, before);
            }
        }

        return new SchedulerPlan(assignments, preemptions, waits);

        Wait Wait(WorkItem item, List<PlannerDevice> suitable, int before)
        {
            // Who holds a device that would do, has lower priority, can go on elsewhere and has not been told to go.
            List<PlannerDevice> lower = [.. suitable.Where(d => d.Lease is { Leaving: false } l && l.Item.Preemptible && l.Item.Priority < item.Priority)];
            List<PlannerDevice> ready = [.. lower.Where(d => snapshot.Now - d.Lease!.Since >= snapshot.GuaranteedRun && !doomed.Contains(d))
                .OrderBy(d => d.Lease!.Item.Priority).ThenByDescending(d => d.Lease!.Since).ThenBy(d => d.DeviceId, StringComparer.Ordinal)];
            if (devices.OrderBy(d => d.DeviceId, StringComparer.Ordinal).FirstOrDefault(d => d.Lease is { Leaving: true } l && l.LeavesFor == item.ItemId) is { } leaving)
            {
                return new Wait(WaitReason.GivingWay, item, before, Reserve(item, suitable), leaving.Lease!.Item.RunId ?? "");
            }

            if (ready.Count > 0)
            {
                doomed.Add(ready[0]);
                preemptions.Add(new Preemption(ready[0].Lease!.Item.ItemId, ready[0].DeviceId, item.ItemId));
                return new Wait(WaitReason.GivingWay, item, before, Reserve(item, suitable), ready[0].Lease!.Item.RunId ?? "");
            }

            if (Reserve(item, suitable) is not { } start)
            {
                return Impossible(item);
            }

            PlannerDevice? next = lower.Where(d => snapshot.Now - d.Lease!.Since < snapshot.GuaranteedRun && !named.Contains(d))
                .OrderBy(d => d.Lease!.Since).ThenBy(d => d.DeviceId, StringComparer.Ordinal).FirstOrDefault();
            if (next is not null)
            {
                named.Add(next);
            }

            return next is not null && next.Lease!.Since + snapshot.GuaranteedRun < start
                ? new Wait(WaitReason.Guaranteed, item, before, next.Lease.Since + snapshot.GuaranteedRun, next.Lease.Item.RunId ?? "")
                : new Wait(WaitReason.Busy, item, before, start);
        }

        DateTimeOffset? Reserve(WorkItem item, List<PlannerDevice> suitable)
        {
            if (suitable.Count == 0)
            {
                return null;
            }

            PlannerDevice first = suitable.MinBy(d => freeAt[d])!; // of equals the best: they are in that order
            DateTimeOffset start = freeAt[first];
            freeAt[first] = start + Planner.Hold(item);
            return start;
        }

        Wait Impossible(WorkItem item)
        {
            List<PlannerDevice> known = [.. snapshot.Devices.Where(d => (d.Kind == DeviceReport.Data) == (item.Job == WorkerJob.PrepareCorpus)
                && (item.RequiredMachine is null || d.Machine == item.RequiredMachine))];
            return new Wait(known.Count == 0 ? WaitReason.NoneReported : known.Exists(d => Suits(d, item)) ? WaitReason.NoneUsable : WaitReason.NoneFits, item);
        }
    }

    private static List<WorkItem> Order(SchedulerSnapshot snapshot)
    {
        var order = new List<WorkItem>();
        foreach (IGrouping<int, WorkItem> priority in snapshot.Waiting.GroupBy(i => i.Priority).OrderByDescending(g => g.Key))
        {
            List<WorkItem> left = [.. priority];
            Dictionary<string, double> hours = left.Select(User).Distinct().ToDictionary(u => u, u => snapshot.UsedHours.GetValueOrDefault(u));
            while (left.Count > 0)
            {
                WorkItem next = left.OrderBy(i => Math.Floor(hours[User(i)])).ThenBy(i => i.OrderedAt).ThenBy(i => i.ItemId, StringComparer.Ordinal).First();
                left.Remove(next);
                order.Add(next);
                hours[User(next)] += Planner.Hold(next).TotalHours;
            }
        }

        return order;
    }

    private static string User(WorkItem item) => item.Policy?.User ?? "";

    private static DateTimeOffset FreeAt(PlannerDevice device, DateTimeOffset now)
    {
        DateTimeOffset soon = now.AddMinutes(1);
        return device.Lease is not { } lease ? now : !lease.Leaving && lease.Since + Planner.Hold(lease.Item) > soon ? lease.Since + Planner.Hold(lease.Item) : soon;
    }

    private static bool Suits(PlannerDevice device, WorkItem item)
    {
        bool here = item.RequiredMachine is null || item.RequiredMachine == device.Machine;
        bool place = (device.Kind == DeviceReport.Data) == (item.Job == WorkerJob.PrepareCorpus);
        bool gpu = device.Kind == DeviceReport.Cuda;
        bool memory = !gpu || device.MemoryBytes == 0 || device.MemoryBytes >= (item.Policy?.MinMemoryBytes ?? 0);
        bool capability = !gpu || device.Capability == 0 || device.Capability >= (item.Policy?.MinCapability ?? 0);
        return here && place && memory && capability && (gpu || item.Policy?.NeedsGpu != true);
    }
}
