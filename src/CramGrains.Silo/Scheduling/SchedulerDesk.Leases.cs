using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Scheduling;

/// <summary>How leases are given, taken back, ended and looked after.</summary>
internal sealed partial class SchedulerDesk
{
    // After a plan, those who join the queue wait for so many times as long as it took: at most a fifth of the scheduler's time goes into them.
    private const int PlanningPause = 4;

    /// <summary>Plans where something has changed, and makes what was planned durable before anybody hears of it. All changes are made when it returns its task.</summary>
    private async Task PlanAsync(bool save, string? asking = null)
    {
        _changed |= save;
        List<ScheduledItem> granted = [];
        List<ScheduledItem> evicted = [];
        TimeSpan since = clock.Time.GetElapsedTime(_plannedAt);
        // Whoever joins a long queue is not worth a plan of its own: it is in the next, which the next call of anybody brings.
        bool tooSoon = asking is not null && since < PlanningPause * _planTook;
        if ((_changed || since.TotalSeconds >= options.ReplanSeconds) && !tooSoon && !Settling)
        {
            long started = clock.Time.GetTimestamp();
            SchedulerPlan plan = Planner.Plan(Snapshot());
            _waits = plan.Waits;
            _held = plan.Waits.Values.Count(wait => wait.Reason == WaitReason.Held);
            (_changed, _plannedAt, _planTook) = (false, clock.Time.GetTimestamp(), clock.Time.GetElapsedTime(started));
            granted = [.. plan.Assignments.Select(a => Grant(a.ItemId, a.DeviceId))];
            evicted = [.. plan.Preemptions.Select(p => Evict(p.VictimItemId, TerminationReason.Preempted, p.ForItemId)), .. EvictDrained()];
        }

        await (save || granted.Count + evicted.Count > 0 ? Commit.SaveAsync() : DurableAsync());
        foreach (ScheduledItem item in granted)
        {
            Leased?.Invoke(item.Item.ItemId, item.DeviceId!, item.LeaseEpoch);
            if (item.Item.ItemId != asking)
            {
                effects.Wake(item.Item.Owner);
            }
        }

        foreach (ScheduledItem item in evicted)
        {
            Evicted?.Invoke(item.Item.ItemId, item.DeviceId!, item.Evict);
            effects.Evict(item.DeviceId!, item.LeaseEpoch, item.Evict);
        }
    }

    private Task WriteAsync()
    {
        foreach ((string deviceId, DateTimeOffset at) in _lastReport)
        {
            if (state.Devices.TryGetValue(deviceId, out KnownDevice? device))
            {
                device.LastReport = at;
            }
        }

        return save();
    }

    private bool Settling => _settles && clock.Time.GetElapsedTime(_started.Timestamp).TotalSeconds < options.SettleSeconds;

    /// <summary>A store that was put back from an older backup has forgotten epochs that it gave out: none that a file of a machine carries is given again once that machine has reported, which it does before anything is placed on it.</summary>
    private bool Raise(string machine, IReadOnlyList<DeviceReport> devices)
    {
        long highest = devices.Select(d => d.HighestEpoch).DefaultIfEmpty(0).Max();
        if (highest <= state.LastEpoch)
        {
            return false;
        }

        EpochsRaised?.Invoke(machine, highest, state.LastEpoch);
        state.LastEpoch = highest;
        return true;
    }

    private ScheduledItem Grant(string itemId, string deviceId)
    {
        WorkItem item = _waiting[itemId].Item;
        _waiting.Remove(itemId);
        _grantedAt[itemId] = clock.Time.GetTimestamp();
        _leases[itemId] = (_grantedAt[itemId], ++_version);
        var lease = new ScheduledItem { Item = item, DeviceId = deviceId, LeaseEpoch = ++state.LastEpoch, GrantedAt = clock.UtcNow };
        state.Items[itemId] = lease;
        return lease;
    }

    private ScheduledItem Evict(string itemId, TerminationReason reason, string? forItem)
    {
        ScheduledItem lease = state.Items[itemId];
        (lease.Evict, lease.EvictFor) = (reason, forItem);
        return lease;
    }

    private List<ScheduledItem> EvictDrained() =>
        [.. state.Items.Values
            .Where(i => i.DeviceId is not null && i.Evict == TerminationReason.None
                && state.DeviceOrders.GetValueOrDefault(i.DeviceId)?.Kind == Interfaces.Devices.DeviceCommandKind.DrainNow)
            .Select(i => i.Item.ItemId).ToList().Select(id => Evict(id, TerminationReason.Drained, null))];

    /// <summary>Ends a lease and adds its time to its user's.</summary>
    private void End(ScheduledItem item)
    {
        TimeSpan held = HeldFor(item);
        state.Items.Remove(item.Item.ItemId);
        _leases.Remove(item.Item.ItemId);
        _grantedAt.Remove(item.Item.ItemId);
        _changed = true;
        if (item.DeviceId is not null && item.Item.Policy?.User is { } user && item.Item.Job != Worker.WorkerJob.PrepareCorpus)
        {
            if (!state.Usage.TryGetValue(user, out UserUsage? usage))
            {
                state.Usage[user] = usage = new UserUsage { At = clock.UtcNow };
            }

            usage.Add(held, clock.UtcNow, HalfLife);
        }
    }

    /// <summary>For how long a lease has been held, whatever has been done to the wall clock since; that is only asked how old a lease was when this desk began.</summary>
    private TimeSpan HeldFor(ScheduledItem lease)
    {
        if (_grantedAt.TryGetValue(lease.Item.ItemId, out long granted))
        {
            return clock.Time.GetElapsedTime(granted);
        }

        TimeSpan before = _started.Utc - lease.GrantedAt;
        return (before > TimeSpan.Zero ? before : TimeSpan.Zero) + clock.Time.GetElapsedTime(_started.Timestamp);
    }

    /// <summary>What was told and may not have been heard is told again; a lease of which its owner may not know is asked after.</summary>
    /// <returns>What is to be told, once it is durable.</returns>
    private IEnumerable<Action> LookAfter(string deviceId)
    {
        if (LeaseOf(deviceId) is not { } lease)
        {
            yield break;
        }

        (long epoch, TerminationReason evict) = (lease.LeaseEpoch, lease.Evict);
        if (evict != TerminationReason.None)
        {
            yield return () => effects.Evict(deviceId, epoch, evict);
        }

        foreach (Action audit in AskOwner(lease))
        {
            yield return audit;
        }
    }

    /// <summary>Machines that do not report any more bring nobody to ask after their leases; one that nobody holds would stand there for ever.</summary>
    private IEnumerable<Action> LookAfterLost() => state.Items.Values
        .Where(i => i.DeviceId is not null && state.Devices.GetValueOrDefault(i.DeviceId) is { } device && Silent(device) is not null)
        .SelectMany(AskOwner);

    private IEnumerable<Action> AskOwner(ScheduledItem lease)
    {
        (string owner, string itemId, long epoch) = (lease.Item.Owner, lease.Item.ItemId, lease.LeaseEpoch);
        (long auditedAt, long version) = _leases.GetValueOrDefault(itemId, (_started.Timestamp, 0));
        if (clock.Time.GetElapsedTime(auditedAt).TotalSeconds >= options.AuditSeconds)
        {
            _leases[itemId] = (clock.Time.GetTimestamp(), version);
            yield return () => effects.Audit(owner, itemId, epoch, version);
        }
    }

    private void ForgetSilentOwners()
    {
        foreach (WaitingItem silent in _waiting.Values.Where(w => clock.Time.GetElapsedTime(w.AskedAt).TotalSeconds > options.ForgetAfterSeconds).ToList())
        {
            _waiting.Remove(silent.Item.ItemId);
            _changed = true;
        }
    }

    private ScheduledItem? Lease(string itemId) => state.Items.GetValueOrDefault(itemId) is { DeviceId: not null } lease ? lease : null;

    private ScheduledItem? LeaseOf(string deviceId) => state.Items.Values.FirstOrDefault(i => i.DeviceId == deviceId);

    private TimeSpan HalfLife => TimeSpan.FromHours(options.FairShareHalfLifeHours);
}
