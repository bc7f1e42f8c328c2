using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>Who gets which device, who gives way and why the others wait, as a pure function: the same snapshot always gives the same plan, whatever order its lists are in.</summary>
/// <remarks>
/// In the order of <see cref="FairOrder"/>, each item takes the best free device that fits: GPUs before CPUs, more memory first, the device of its last
/// attempt before all. An item that cannot run now holds up none behind it that can. An item of higher priority makes the lowest one give way that has
/// had its guaranteed time; among equals the one that has had its device for the shortest time, which has least to lose.
/// </remarks>
internal static class Planner
{
    public static SchedulerPlan Plan(SchedulerSnapshot snapshot)
    {
        var pools = new DevicePools(snapshot);
        var victims = new Victims(snapshot);
        var reasons = new WaitReasons(snapshot.Devices);
        var assignments = new List<(string, string)>();
        var preemptions = new List<Preemption>();
        var waits = new Dictionary<string, Wait>(snapshot.Waiting.Count, StringComparer.Ordinal);
        (int waitingData, int waitingCompute) = (0, 0);
        foreach (WorkItem item in FairOrder.Of(snapshot.Waiting, snapshot.UsedHours))
        {
            if (item.Policy?.HeldBy is not null)
            {
                waits[item.ItemId] = new Wait(WaitReason.Held, item);
                continue;
            }

            Needs needs = Needs.Of(item);
            if (pools.Free(item, needs) is { } device)
            {
                pools.Take(device, snapshot.Now + Hold(item));
                assignments.Add((item.ItemId, device.DeviceId));
                continue;
            }

            int ahead = item.Job == WorkerJob.PrepareCorpus ? waitingData++ : waitingCompute++;
            waits[item.ItemId] = victims.LeavingFor(item) is { } leaving ? new Wait(WaitReason.GivingWay, item, ahead, pools.Reserve(item, needs, Hold(item)), leaving.Item.RunId ?? "")
                : victims.Take(item, needs) is { } victim ? Evict(item, needs, victim, ahead)
                : pools.Reserve(item, needs, Hold(item)) is { } start ? Busy(item, needs, ahead, start)
                : reasons.Impossible(item, needs);
        }

        return new SchedulerPlan(assignments, preemptions, waits);

        Wait Evict(WorkItem item, Needs needs, (PlannerDevice Device, PlannerLease Lease) victim, int ahead)
        {
            preemptions.Add(new Preemption(victim.Lease.Item.ItemId, victim.Device.DeviceId, item.ItemId));
            return new Wait(WaitReason.GivingWay, item, ahead, pools.Reserve(item, needs, Hold(item)), victim.Lease.Item.RunId ?? "");
        }

        Wait Busy(WorkItem item, Needs needs, int ahead, DateTimeOffset start) => victims.Guaranteed(item, needs) is { } guaranteed && guaranteed.Until < start
            ? new Wait(WaitReason.Guaranteed, item, ahead, guaranteed.Until, guaranteed.Lease.Item.RunId ?? "")
            : new Wait(WaitReason.Busy, item, ahead, start);
    }

    /// <summary>For how long an item is expected to hold its place.</summary>
    public static TimeSpan Hold(WorkItem item) => TimeSpan.FromSeconds(item.ExpectedSeconds > 0 ? item.ExpectedSeconds : FairOrder.UnknownSeconds);
}
