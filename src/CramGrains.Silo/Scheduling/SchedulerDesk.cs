using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Scheduling;

/// <summary>
/// Everything the scheduler decides, without Orleans: it keeps queue and leases in a durable record, asks <see cref="Planner"/>, and writes before anybody
/// hears of it. Used from one turn at a time; after a failed write it must not be used again.
/// </summary>
/// <remarks>
/// Calls interleave while they wait for a write, and share writes (<see cref="GroupCommit"/>). Each therefore decides, changes memory and makes up its
/// answer in one go, then waits until all that it has changed or read is durable, and only then answers or tells others.
/// </remarks>
/// <param name="state">Its durable memory.</param>
/// <param name="save">Writes the memory; throws when that failed.</param>
/// <param name="ended">The runs that have ended.</param>
/// <param name="effects">What it does to others.</param>
/// <param name="options">How devices are shared out.</param>
/// <param name="lostAfter">A machine that has not reported for so long is lost.</param>
/// <param name="clock">The clock.</param>
internal sealed partial class SchedulerDesk(
    SchedulerRecord state,
    Func<Task> save,
    EndedHistory ended,
    ISchedulerEffects effects,
    SchedulingOptions options,
    TimeSpan lostAfter,
    SiloClock clock)
{
    private readonly Dictionary<string, WaitingItem> _waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _lastReport = state.Devices.Values.ToDictionary(d => d.Report.DeviceId, d => d.LastReport, StringComparer.Ordinal);
    private readonly Dictionary<string, long> _heard = new(StringComparer.Ordinal); // monotonic: no change of a wall clock may make a silence long or short
    private readonly Dictionary<string, double?> _temperatures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long AuditedAt, long AskedVersion)> _leases = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _grantedAt = new(StringComparer.Ordinal); // monotonic; of leases that this desk has given
    private readonly (long Timestamp, DateTimeOffset Utc) _started = (clock.Time.GetTimestamp(), clock.UtcNow);
    private readonly bool _settles = state.ActiveRuns.Count > 1;
    private GroupCommit? _commit;
    private IReadOnlyDictionary<string, Wait> _waits = new Dictionary<string, Wait>();
    private int _held;
    private bool _changed = true;
    private long _plannedAt;
    private TimeSpan _planTook;
    private long _version;

    /// <summary>Raised after each plan that gave a lease.</summary>
    public event Action<string, string, long>? Leased;

    /// <summary>Raised when a machine has files of later epochs than were ever given out, as far as is stored: the machine, and both epochs.</summary>
    public event Action<string, long, long>? EpochsRaised;

    /// <summary>Raised when a holder is told to give way.</summary>
    public event Action<string, string, TerminationReason>? Evicted;

    /// <summary>Items that wait for a place; without those that somebody holds back, as of the last plan.</summary>
    public int Waiting => Math.Max(0, _waiting.Count - _held);

    private GroupCommit Commit => _commit ??= new GroupCommit(WriteAsync);

    /// <summary>Ends when everything that the desk knows now is durable: to be awaited before telling anybody what was read from it.</summary>
    public Task DurableAsync() => Commit.DurableAsync();

    /// <inheritdoc cref="ISchedulerQueue.EnrollAsync"/>
    public Task EnrollAsync(string runId, DateTimeOffset submittedAt, int life)
    {
        bool active = state.ActiveRuns.ContainsKey(runId);
        if (ended.Knows(runId, life) || (active && life <= state.Lives.GetValueOrDefault(runId)))
        {
            return DurableAsync(); // the call that made it known may still be waiting for its write
        }

        state.ActiveRuns.TryAdd(runId, submittedAt);
        if (life > 0)
        {
            state.Lives[runId] = life;
        }

        return Commit.SaveAsync();
    }

    /// <inheritdoc cref="ISchedulerQueue.RunEndedAsync"/>
    public async Task RunEndedAsync(string runId, int life)
    {
        if (IsActive(runId, life))
        {
            // First into the one list, then out of the other: a crash between the two leaves it in both, never in none.
            await (ended.Knows(runId, life) ? ended.DurableAsync() : ended.AddAsync(new EndedRun(runId, state.ActiveRuns[runId], life)));
        }

        // Meanwhile another call may have done the rest, or a later life may have begun.
        if (!IsActive(runId, life))
        {
            await DurableAsync();
            return;
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

        Task durable;
        if (Lease(item.ItemId) is not null)
        {
            _leases[item.ItemId] = (_leases.GetValueOrDefault(item.ItemId).AuditedAt, ++_version);
            durable = DurableAsync(); // that of the call that gave the lease
        }
        else
        {
            // An item that waits is not worth a write: its owner asks again for as long as it wants a place.
            _changed |= !_waiting.TryGetValue(item.ItemId, out WaitingItem? known) || known.Item != item;
            _waiting[item.ItemId] = new WaitingItem(item, clock.Time.GetTimestamp());
            durable = PlanAsync(save: false, asking: item.ItemId);
        }

        WorkTicket ticket = Lease(item.ItemId) is { } lease
            ? new WorkTicket(lease.DeviceId, lease.LeaseEpoch, "")
            : _waits.TryGetValue(item.ItemId, out Wait? wait) ? new WorkTicket(null, 0, wait.Text, wait.Start)
            : new WorkTicket(null, 0, new Wait(Settling ? WaitReason.Settling : WaitReason.Joined, item).Text);
        await durable;
        return ticket;
    }

    /// <inheritdoc cref="ISchedulerQueue.ReleaseAsync"/>
    /// <returns>The epoch of the lease that stands in the way; 0 when it was released.</returns>
    public async Task<long> ReleaseAsync(string itemId, long knownEpoch)
    {
        if (_waiting.Remove(itemId))
        {
            _changed = true;
        }

        ScheduledItem? lease = Lease(itemId);
        if (lease is null || (knownEpoch != 0 && knownEpoch != lease.LeaseEpoch))
        {
            await DurableAsync();
            return lease?.LeaseEpoch ?? 0;
        }

        End(lease);
        await PlanAsync(save: true);
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
        bool changed = Raise(machine, devices);
        foreach (DeviceReport report in devices)
        {
            _changed |= state.Devices.TryGetValue(report.DeviceId, out KnownDevice? known) && Silent(known) is not null;
            (_lastReport[report.DeviceId], _heard[report.DeviceId]) = (clock.UtcNow, clock.Time.GetTimestamp());
            _temperatures[report.DeviceId] = report.TemperatureCelsius;
            DeviceReport lasting = report with { TemperatureCelsius = null, HighestEpoch = 0 };
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
                Remove(gone);
                changed = true;
            }
        }

        ForgetSilentOwners();
        Task planned = PlanAsync(changed);
        List<Action> tellings = [.. devices.SelectMany(d => LookAfter(d.DeviceId)), .. LookAfterLost()];
        await planned;
        tellings.ForEach(tell => tell());
    }

    /// <summary>Whether this life of the run goes on, as far as is known here.</summary>
    private bool IsActive(string runId, int life) => state.ActiveRuns.ContainsKey(runId) && state.Lives.GetValueOrDefault(runId) <= life;

    private sealed record WaitingItem(WorkItem Item, long AskedAt);
}
