using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Scheduling;

/// <summary>Keeps the queue and the leases. What to place where is <see cref="Planner"/>'s; this grain makes it durable and tells the owners.</summary>
[Immovable]
internal sealed partial class SchedulerGrain(
    [PersistentState("scheduler", "cram")] IPersistentState<SchedulerRecord> storage,
    [PersistentState("ended-runs", "cram")] IPersistentState<EndedRuns> ended,
    IOptions<DeviceOptions> options,
    IWorkPlacement placement,
    SiloClock clock,
    CramMetrics metrics,
    ILogger<SchedulerGrain> logger) : DurableGrain<SchedulerRecord>(storage), ISchedulerGrain, ISchedulerQueue
{
    private readonly Dictionary<string, DateTimeOffset> _lastReport = [];
    private IReadOnlyDictionary<string, string> _reasons = new Dictionary<string, string>();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        foreach (KnownDevice device in State.Devices.Values)
        {
            _lastReport[device.Report.DeviceId] = device.LastReport;
        }

        PublishQueue();
        return Task.CompletedTask;
    }

    public async Task EnrollAsync(string runId, DateTimeOffset submittedAt)
    {
        if (State.ActiveRuns.TryAdd(runId, submittedAt))
        {
            await SaveAsync();
        }
    }

    public async Task RunEndedAsync(string runId)
    {
        if (!State.ActiveRuns.TryGetValue(runId, out DateTimeOffset submittedAt))
        {
            return;
        }

        // First into the one list, then out of the other: a crash between the two leaves it in both, never in none.
        if (ended.State.Runs.TrueForAll(r => r.RunId != runId))
        {
            ended.State.Runs.Add(new EndedRun(runId, submittedAt));
            await SaveEndedAsync();
        }

        State.ActiveRuns.Remove(runId);
        foreach (string itemId in State.Items.Values.Where(i => i.Item.RunId == runId).Select(i => i.Item.ItemId).ToList())
        {
            State.Items.Remove(itemId);
        }

        await PlanAsync(changed: true);
    }

    public Task<IReadOnlyList<string>> ActiveRunsAsync() => Task.FromResult<IReadOnlyList<string>>([.. State.ActiveRuns.Keys]);

    public async Task<WorkTicket> RequestAsync(WorkItem item)
    {
        item = placement.Widen(item, machine => State.Devices.Values.FirstOrDefault(d => d.Report.Machine == machine && d.Report.Kind != DeviceReport.Data)?.Report.DeviceId);
        if (State.Items.TryGetValue(item.ItemId, out ScheduledItem? known))
        {
            known.Item = known.DeviceId is null ? item : known.Item;
        }
        else
        {
            State.Items[item.ItemId] = known = new ScheduledItem { Item = item };
        }

        if (known.DeviceId is null)
        {
            // An item that waits is not worth a write: its owner asks again for as long as it wants a place.
            await PlanAsync(changed: false, asking: item.ItemId);
        }

        return known.DeviceId is not null
            ? new WorkTicket(known.DeviceId, known.LeaseEpoch, "")
            : new WorkTicket(null, 0, _reasons.GetValueOrDefault(item.ItemId, "waits for a free device"));
    }

    public async Task<bool> ReleaseAsync(string itemId, long knownEpoch)
    {
        if (!State.Items.TryGetValue(itemId, out ScheduledItem? item))
        {
            return true;
        }

        if (item.DeviceId is not null && knownEpoch != 0 && knownEpoch != item.LeaseEpoch)
        {
            LogStaleRelease(logger, itemId, knownEpoch, item.LeaseEpoch);
            return false;
        }

        State.Items.Remove(itemId);
        await PlanAsync(changed: item.DeviceId is not null);
        return true;
    }

    public async Task ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices)
    {
        bool changed = false;
        foreach (DeviceReport report in devices)
        {
            _lastReport[report.DeviceId] = clock.UtcNow;
            if (!State.Devices.TryGetValue(report.DeviceId, out KnownDevice? known) || known.Report != report)
            {
                State.Devices[report.DeviceId] = new KnownDevice { Report = report, LastReport = clock.UtcNow };
                changed = true;
            }
        }

        foreach (string gone in State.Devices.Values.Where(d => d.Report.Machine == machine).Select(d => d.Report.DeviceId).Except(devices.Select(d => d.DeviceId)).ToList())
        {
            if (!State.Items.Values.Any(i => i.DeviceId == gone))
            {
                State.Devices.Remove(gone);
                _lastReport.Remove(gone);
                changed = true;
            }
        }

        await PlanAsync(changed);
    }

    public Task<IReadOnlyList<DeviceView>> ListDevicesAsync() => Task.FromResult<IReadOnlyList<DeviceView>>(
        [.. State.Devices.Values.Where(d => d.Report.Kind != DeviceReport.Data).Select(View).OrderBy(d => d.DeviceId, StringComparer.Ordinal)]);

    public async Task<IReadOnlyList<RunView>> ListRunsAsync(int limit)
    {
        IEnumerable<string> newest = State.ActiveRuns.Select(r => new EndedRun(r.Key, r.Value)).Concat(ended.State.Runs)
            .DistinctBy(r => r.RunId).OrderByDescending(r => r.SubmittedAt).ThenByDescending(r => r.RunId, StringComparer.Ordinal)
            .Take(Math.Max(limit, 0)).Select(r => r.RunId);
        RunView?[] views = await Task.WhenAll(newest.Select(id => GrainFactory.GetGrain<IRunGrain>(id).GetAsync()));
        return [.. views.OfType<RunView>()];
    }

    /// <summary>Plans, and makes what was planned durable before anybody hears of it.</summary>
    private async Task PlanAsync(bool changed, string? asking = null)
    {
        var heldBy = State.Items.Values.Where(i => i.DeviceId is not null).ToDictionary(i => i.DeviceId!, i => i.Item.ItemId);
        SchedulerPlan plan = Planner.Plan(new SchedulerSnapshot(
            [.. State.Devices.Values.Select(d => new PlannerDevice(
                d.Report.DeviceId, d.Report.Machine, d.Report.Kind, d.Report.MemoryBytes, heldBy.GetValueOrDefault(d.Report.DeviceId), Unusable(d)))],
            [.. State.Items.Values.Where(i => i.DeviceId is null).Select(i => i.Item)]));
        _reasons = plan.Reasons;
        foreach ((string itemId, string deviceId) in plan.Assignments)
        {
            ScheduledItem item = State.Items[itemId];
            item.DeviceId = deviceId;
            item.LeaseEpoch = ++State.LastEpoch;
            LogLease(logger, itemId, deviceId, item.LeaseEpoch);
        }

        if (changed || plan.Assignments.Count > 0)
        {
            foreach ((string deviceId, DateTimeOffset at) in _lastReport)
            {
                State.Devices[deviceId].LastReport = at;
            }

            await SaveAsync();
        }

        PublishQueue();
        foreach ((string itemId, _) in plan.Assignments)
        {
            if (itemId != asking)
            {
                await GrainFactory.GetGrain<IWorkOwner>(GrainId.Parse(State.Items[itemId].Item.Owner)).WakeAsync();
            }
        }
    }

    private string? Unusable(KnownDevice device) =>
        Silent(device) is { } silent ? $"has not reported for {silent.TotalSeconds:0} s"
        : device.Report.Healthy ? null
        : device.Report.Message;

    private TimeSpan? Silent(KnownDevice device)
    {
        TimeSpan silence = clock.UtcNow - _lastReport[device.Report.DeviceId];
        return silence > TimeSpan.FromSeconds(options.Value.LostAfterSeconds) ? silence : null;
    }

    private DeviceView View(KnownDevice device)
    {
        ScheduledItem? holder = State.Items.Values.FirstOrDefault(i => i.DeviceId == device.Report.DeviceId);
        DeviceState state = Silent(device) is not null ? DeviceState.Lost
            : !device.Report.Healthy ? DeviceState.Unhealthy
            : holder is not null ? DeviceState.Busy
            : DeviceState.Free;
        string message = Unusable(device) ?? (holder is null ? "free" : $"works on {holder.Item.ItemId}");
        return new DeviceView(
            device.Report.DeviceId, device.Report.Machine, device.Report.Kind, device.Report.Name, device.Report.MemoryBytes,
            state, message, holder?.Item.RunId, holder?.LeaseEpoch ?? 0, _lastReport[device.Report.DeviceId]);
    }

    private void PublishQueue() => metrics.PublishScheduler(
        State.Items.Values.Count(i => i.DeviceId is null), [.. State.Devices.Values.Where(d => d.Report.Kind != DeviceReport.Data).Select(View)]);

    private async Task SaveEndedAsync()
    {
        try
        {
            await ended.WriteStateAsync();
        }
        catch
        {
            DeactivateOnIdle();
            throw;
        }
    }
}
