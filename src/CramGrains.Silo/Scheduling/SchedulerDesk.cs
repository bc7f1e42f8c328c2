using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Scheduling;

/// <summary>
/// Everything the scheduler decides, without Orleans: it keeps queue and leases in a durable record, asks <see cref="Planner"/>, and writes before anybody
/// hears of it. Used from one turn at a time; after a failed write it must not be used again.
/// </summary>
/// <param name="state">Its durable memory.</param>
/// <param name="save">Writes the memory; throws when that failed.</param>
/// <param name="ended">The runs that have ended.</param>
/// <param name="saveEnded">Writes those.</param>
/// <param name="effects">What it does to others.</param>
/// <param name="options">How devices are shared out.</param>
/// <param name="lostAfter">A machine that has not reported for so long is lost.</param>
/// <param name="clock">The clock.</param>
internal sealed partial class SchedulerDesk(
    SchedulerRecord state,
    Func<Task> save,
    EndedRuns ended,
    Func<Task> saveEnded,
    ISchedulerEffects effects,
    SchedulingOptions options,
    TimeSpan lostAfter,
    SiloClock clock)
{
    private readonly Dictionary<string, WaitingItem> _waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _lastReport = state.Devices.Values.ToDictionary(d => d.Report.DeviceId, d => d.LastReport, StringComparer.Ordinal);
    private readonly Dictionary<string, double?> _temperatures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long AuditedAt, long AskedVersion)> _leases = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EndedRun> _ended = ended.Runs.ToDictionary(r => r.RunId, StringComparer.Ordinal);
    private readonly long _startedAt = clock.Time.GetTimestamp();
    private readonly bool _settles = state.ActiveRuns.Count > 1;
    private IReadOnlyDictionary<string, Wait> _waits = new Dictionary<string, Wait>();
    private bool _changed = true;
    private long _plannedAt;
    private long _version;

    /// <summary>Raised after each plan that gave a lease.</summary>
    public event Action<string, string, long>? Leased;

    /// <summary>Raised when a holder is told to give way.</summary>
    public event Action<string, string, TerminationReason>? Evicted;

    /// <summary>Items that wait for a place.</summary>
    public int Waiting => _waiting.Count;

    /// <inheritdoc cref="ISchedulerQueue.EnrollAsync"/>
    public async Task EnrollAsync(string runId, DateTimeOffset submittedAt, int life)
    {
        if (_ended.TryGetValue(runId, out EndedRun? over) && over.Life >= life)
        {
            return;
        }

        if (state.ActiveRuns.TryAdd(runId, submittedAt) || life > state.Lives.GetValueOrDefault(runId))
        {
            if (life > 0)
            {
                state.Lives[runId] = life;
            }

            await save();
        }
    }

    /// <inheritdoc cref="ISchedulerQueue.RunEndedAsync"/>
    public async Task RunEndedAsync(string runId, int life)
    {
        if (!state.ActiveRuns.TryGetValue(runId, out DateTimeOffset submittedAt) || state.Lives.GetValueOrDefault(runId) > life)
        {
            return;
        }

        // First into the one list, then out of the other: a crash between the two leaves it in both, never in none.
        if (!_ended.TryGetValue(runId, out EndedRun? before) || before.Life < life)
        {
            if (before is not null)
            {
                ended.Runs.Remove(before);
            }

            _ended[runId] = new EndedRun(runId, submittedAt, life);
            ended.Runs.Add(_ended[runId]);
            await saveEnded();
        }

        state.ActiveRuns.Remove(runId);
        state.Lives.Remove(runId);
        foreach (ScheduledItem item in state.Items.Values.Where(i => i.Item.RunId == runId).ToList())
        {
            End(item);
        }

        foreach (string itemId in _waiting.Values.Where(w => w.Item.RunId == runId).Select(w => w.Item.ItemId).ToList())
        {
            _waiting.Remove(itemId);
        }

        await PlanAsync(save: true);
    }

    /// <inheritdoc cref="ISchedulerQueue.RequestAsync"/>
    public async Task<WorkTicket> RequestAsync(WorkItem item)
    {
        if (item.RunId is { } run && !state.ActiveRuns.ContainsKey(run))
        {
            return new WorkTicket(null, 0, $"run {run} is not active"); // a request that was on its way while the run ended
        }

        if (Lease(item.ItemId) is { } held)
        {
            _leases[item.ItemId] = (_leases.GetValueOrDefault(item.ItemId).AuditedAt, ++_version);
            return new WorkTicket(held.DeviceId, held.LeaseEpoch, "");
        }

        // An item that waits is not worth a write: its owner asks again for as long as it wants a place.
        _changed |= !_waiting.TryGetValue(item.ItemId, out WaitingItem? known) || known.Item != item;
        _waiting[item.ItemId] = new WaitingItem(item, clock.Time.GetTimestamp());
        await PlanAsync(save: false, asking: item.ItemId);
        return Lease(item.ItemId) is { } granted
            ? new WorkTicket(granted.DeviceId, granted.LeaseEpoch, "")
            : _waits.TryGetValue(item.ItemId, out Wait? wait) ? new WorkTicket(null, 0, wait.Text, wait.Start)
            : new WorkTicket(null, 0, new Wait(WaitReason.Settling, item).Text);
    }

    /// <inheritdoc cref="ISchedulerQueue.ReleaseAsync"/>
    /// <returns>The epoch of the lease that stands in the way; 0 when it was released.</returns>
    public async Task<long> ReleaseAsync(string itemId, long knownEpoch)
    {
        if (_waiting.Remove(itemId))
        {
            _changed = true;
        }

        if (Lease(itemId) is { } lease)
        {
            if (knownEpoch != 0 && knownEpoch != lease.LeaseEpoch)
            {
                return lease.LeaseEpoch;
            }

            End(lease);
            await PlanAsync(save: true);
        }

        return 0;
    }

    /// <inheritdoc cref="ISchedulerQueue.AuditedAsync"/>
    /// <returns>Whether the lease was ended.</returns>
    public async Task<bool> AuditedAsync(string itemId, long epoch, long version, bool held)
    {
        if (held || Lease(itemId) is not { } lease || lease.LeaseEpoch != epoch || _leases.GetValueOrDefault(itemId).AskedVersion != version)
        {
            return false;
        }

        End(lease);
        await PlanAsync(save: true);
        return true;
    }

    /// <inheritdoc cref="ISchedulerQueue.ReportDevicesAsync"/>
    public async Task ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices)
    {
        bool changed = false;
        foreach (DeviceReport report in devices)
        {
            _changed |= state.Devices.TryGetValue(report.DeviceId, out KnownDevice? known) && Silent(known) is not null;
            _lastReport[report.DeviceId] = clock.UtcNow;
            _temperatures[report.DeviceId] = report.TemperatureCelsius;
            DeviceReport lasting = report with { TemperatureCelsius = null };
            if (known?.Report != lasting)
            {
                state.Devices[report.DeviceId] = new KnownDevice { Report = lasting, LastReport = clock.UtcNow };
                changed = true;
            }
        }

        foreach (string gone in state.Devices.Values.Where(d => d.Report.Machine == machine).Select(d => d.Report.DeviceId).Except(devices.Select(d => d.DeviceId)).ToList())
        {
            if (LeaseOf(gone) is null)
            {
                state.Devices.Remove(gone);
                _lastReport.Remove(gone);
                changed = true;
            }
        }

        ForgetSilentOwners();
        await PlanAsync(changed);
        foreach (DeviceReport report in devices)
        {
            LookAfter(report.DeviceId);
        }
    }

    private sealed record WaitingItem(WorkItem Item, long AskedAt);
}
