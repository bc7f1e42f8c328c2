using System.Globalization;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Scheduling;

/// <summary>What the desk knows of devices, and how that looks to the planner and to people.</summary>
internal sealed partial class SchedulerDesk
{
    /// <summary>All devices that compute, by id.</summary>
    public IReadOnlyList<DeviceView> Views()
    {
        Dictionary<string, ScheduledItem> held = Held();
        return [.. state.Devices.Values.Where(d => d.Report.Kind != DeviceReport.Data).Select(d => View(d, held.GetValueOrDefault(d.Report.DeviceId)))
            .OrderBy(d => d.DeviceId, StringComparer.Ordinal)];
    }

    private SchedulerSnapshot Snapshot()
    {
        Dictionary<string, ScheduledItem> held = Held();
        var used = state.Usage.ToDictionary(u => u.Key, u => u.Value.SecondsAt(clock.UtcNow, HalfLife) / 3600, StringComparer.Ordinal);
        foreach (ScheduledItem lease in held.Values.Where(l => l.Item.Job != Worker.WorkerJob.PrepareCorpus))
        {
            if (lease.Item.Policy?.User is { } user)
            {
                used[user] = used.GetValueOrDefault(user) + HeldFor(lease).TotalHours;
            }
        }

        return new SchedulerSnapshot(
            [.. state.Devices.Values.Select(d => new PlannerDevice(
                d.Report.DeviceId, d.Report.Machine, d.Report.Kind, d.Report.MemoryBytes,
                held.TryGetValue(d.Report.DeviceId, out ScheduledItem? lease)
                    ? new PlannerLease(lease.Item, clock.UtcNow - HeldFor(lease), lease.Evict != TerminationReason.None, lease.EvictFor)
                    : null,
                Unusable(d), d.Report.Capability))],
            [.. _waiting.Values.Select(w => w.Item)])
        {
            Now = clock.UtcNow,
            UsedHours = used,
            GuaranteedRun = TimeSpan.FromSeconds(options.GuaranteedRunSeconds),
        };
    }

    private Dictionary<string, ScheduledItem> Held() =>
        state.Items.Values.Where(i => i.DeviceId is not null).ToDictionary(i => i.DeviceId!, StringComparer.Ordinal);

    private string? Unusable(KnownDevice device) =>
        Silent(device) is { } silent ? string.Create(CultureInfo.InvariantCulture, $"has not reported for {silent.TotalSeconds:0} s")
        : !device.Report.Healthy ? device.Report.Message
        : state.DeviceOrders.GetValueOrDefault(device.Report.DeviceId) is { } order ? Ordered(order)
        : device.Report.UsedByOthers ? device.Report.Message
        : null;

    private static string Ordered(DeviceOrder order) =>
        $"is {(order.Kind == DeviceCommandKind.Cordon ? "cordoned" : "drained")} by {order.By}{(order.Reason is { Length: > 0 } why ? $": {why}" : "")}";

    /// <summary>For how long nothing has been heard of it, when that is too long. What is stored was written by another clock, perhaps one that was ahead, and is not trusted for ever.</summary>
    private TimeSpan? Silent(KnownDevice device)
    {
        TimeSpan silence = _heard.TryGetValue(device.Report.DeviceId, out long heard)
            ? clock.Time.GetElapsedTime(heard)
            : TimeSpan.FromTicks(Math.Max((clock.UtcNow - device.LastReport).Ticks, clock.Time.GetElapsedTime(_started.Timestamp).Ticks));
        return silence > lostAfter ? silence : null;
    }

    private DeviceView View(KnownDevice device, ScheduledItem? holder)
    {
        DeviceReport report = device.Report;
        DeviceOrder? order = state.DeviceOrders.GetValueOrDefault(report.DeviceId);
        DeviceState current = Silent(device) is not null ? DeviceState.Lost
            : !report.Healthy ? DeviceState.Unhealthy
            : order?.Kind == DeviceCommandKind.Cordon ? DeviceState.Cordoned
            : order is not null ? holder is null ? DeviceState.Drained : DeviceState.Draining
            : holder is not null ? DeviceState.Busy
            : report.UsedByOthers ? DeviceState.BusyByOthers
            : DeviceState.Free;
        string? work = holder is null ? null : $"works on {holder.Item.ItemId}";
        string message = string.Join("; ", new[] { Unusable(device), work }.OfType<string>());
        return new DeviceView(
            report.DeviceId, report.Machine, report.Kind, report.Name, report.MemoryBytes, current, message.Length > 0 ? message : "free",
            holder?.Item.RunId, holder?.LeaseEpoch ?? 0, _lastReport[report.DeviceId],
            report.Uuid, report.Capability, report.Driver, _temperatures.GetValueOrDefault(report.DeviceId), order?.By);
    }
}
