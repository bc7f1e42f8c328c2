using System.Globalization;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Runs;

/// <summary>
/// Brings one piece of work to its end: asks for a device, starts a worker there, looks after it, and begins again where that makes sense. Used alike for
/// corpora, pretraining and fine-tuning. Every step is written before the next one relies on it, and every step may be repeated.
/// </summary>
internal sealed class AttemptDriver(
    ISchedulerQueue scheduler, Func<string, ITrainerGrain> trainers, Func<long, Task> close, RunOptions options, SiloClock clock, AttemptRecord record, Func<Task> save)
{
    /// <summary>For work that has no budget: doing it twice wastes time and changes nothing.</summary>
    public AttemptDriver(IGrainFactory grains, RunOptions options, SiloClock clock, AttemptRecord record, Func<Task> save)
        : this(grains.GetGrain<ISchedulerQueue>(SchedulerKey.Default), id => grains.GetGrain<ITrainerGrain>(id), _ => Task.CompletedTask, options, clock, record, save)
    {
    }

    private ITrainerGrain Trainer => trainers(record.DeviceId!);

    /// <param name="item">What the scheduler is asked for.</param>
    /// <param name="order">Makes the order for a lease epoch; null when that epoch has been overtaken.</param>
    public Task<AttemptStep> AdvanceAsync(WorkItem item, Func<long, Task<WorkOrder?>> order) => record.Phase switch
    {
        AttemptPhase.Idle => AskAsync(item),
        AttemptPhase.Granted => StartAsync(item, order),
        AttemptPhase.Closing => CloseAsync(item),
        _ => LookAsync(item),
    };

    /// <summary>Makes the attempt end for this reason.</summary>
    /// <returns>True when nothing is left to wait for; else the end is seen by <see cref="AdvanceAsync"/>.</returns>
    public async Task<bool> StopAsync(WorkItem item, TerminationReason reason)
    {
        if (record.Phase == AttemptPhase.Idle)
        {
            await scheduler.ReleaseAsync(item.ItemId, 0);
            return true;
        }

        if (record.Phase == AttemptPhase.Closing)
        {
            return false;
        }

        try
        {
            await Trainer.StopAsync(record.Epoch, reason);
        }
        catch (Exception problem) when (IsUnreachable(problem))
        {
            return false; // it is given up like any other attempt on a machine that does not answer
        }

        if (record.Phase == AttemptPhase.Running)
        {
            return false;
        }

        // Granted, and the trainer now stops a worker that a lost call may have started, and refuses a start that is still on its way.
        bool started = await AskTrainerAsync() is not null;
        if (started)
        {
            record.Phase = AttemptPhase.Running;
            await save();
            return false;
        }

        await scheduler.ReleaseAsync(item.ItemId, record.Epoch);
        record.Phase = AttemptPhase.Idle;
        await save();
        return true;
    }

    private async Task<AttemptStep> AskAsync(WorkItem item)
    {
        // A pause longer than the longest there is means that the clock was set back.
        if (record.NotBefore is { } notBefore && clock.UtcNow < notBefore && notBefore - clock.UtcNow <= TimeSpan.FromSeconds(options.BackoffMaximumSeconds))
        {
            return new AttemptWaits(string.Create(CultureInfo.InvariantCulture, $"attempt {record.Number + 1} begins at {notBefore:HH:mm:ss} UTC"), notBefore);
        }

        bool stays = item.Policy?.Requeue == RequeuePolicy.SameMachine && record.DeviceId is not null;
        WorkTicket ticket = await scheduler.RequestAsync(item with
        {
            PreferredDevice = record.DeviceId,
            RequiredMachine = stays ? DeviceIds.Machine(record.DeviceId!) : item.RequiredMachine,
        });
        if (ticket.DeviceId is null)
        {
            return new AttemptWaits(ticket.Reason, ticket.EstimatedStart);
        }

        record.Phase = AttemptPhase.Granted;
        record.DeviceId = ticket.DeviceId;
        record.Epoch = ticket.LeaseEpoch;
        record.Number++;
        record.NoticesSeen = 0;
        record.NotBefore = null;
        record.ClosedAt = null;
        record.LastContact = clock.Time.GetTimestamp();
        await save();
        return new AttemptBegan(ticket.DeviceId, ticket.LeaseEpoch, record.Number);
    }

    private async Task<AttemptStep> StartAsync(WorkItem item, Func<long, Task<WorkOrder?>> order)
    {
        if (await order(record.Epoch) is not { } ready)
        {
            return await SettleAsync(item, TerminationReason.WorkerLost, $"epoch {record.Epoch} has been overtaken", null);
        }

        StartOutcome outcome;
        try
        {
            outcome = await Trainer.StartAsync(ready);
        }
        catch (Exception problem) when (IsUnreachable(problem))
        {
            return await SilentAsync(item);
        }

        if (!outcome.Accepted)
        {
            return await SettleAsync(item, outcome.Reason == TerminationReason.None ? TerminationReason.WorkerLost : outcome.Reason, outcome.Message, null);
        }

        record.Phase = AttemptPhase.Running;
        record.LastContact = clock.Time.GetTimestamp();
        await save();
        return await LookAsync(item);
    }

    private async Task<AttemptStep> LookAsync(WorkItem item)
    {
        WorkerStatus? status;
        try
        {
            status = await AskTrainerAsync();
        }
        catch (Exception problem) when (IsUnreachable(problem))
        {
            return await SilentAsync(item);
        }

        record.LastContact = clock.Time.GetTimestamp();
        return status switch
        {
            null => await SettleAsync(item, TerminationReason.WorkerLost, $"{record.DeviceId} no longer knows of epoch {record.Epoch}", null),
            { Phase: WorkerPhase.Ended } => await SettleAsync(item, status.Reason, status.Message, status),
            _ => new AttemptRuns(status),
        };
    }

    /// <summary>
    /// The machine does not answer. Its worker goes on until its own lease ends, so the work is placed anew only when that is certain: first the budget is
    /// closed to its epoch, and with it every renewal, for the trainer renews only after it has charged; then a lease's length is waited.
    /// </summary>
    private async Task<AttemptStep> SilentAsync(WorkItem item)
    {
        record.LastContact ??= clock.Time.GetTimestamp();
        if (Silence >= TimeSpan.FromSeconds(options.MachineLostSeconds - options.WorkerLeaseSeconds))
        {
            record.Phase = AttemptPhase.Closing;
            await save();
            return await CloseAsync(item);
        }

        return new AttemptWaits($"the machine of {record.DeviceId} does not answer; its worker goes on by itself");
    }

    private async Task<AttemptStep> CloseAsync(WorkItem item)
    {
        if (record.ClosedAt is null)
        {
            await close(record.Epoch);
            record.ClosedAt = clock.Time.GetTimestamp();
        }

        TimeSpan left = TimeSpan.FromSeconds(options.WorkerLeaseSeconds) - clock.Time.GetElapsedTime(record.ClosedAt.Value);
        return left > TimeSpan.Zero
            ? new AttemptWaits(string.Create(
                CultureInfo.InvariantCulture, $"the machine of {record.DeviceId} does not answer; its worker may hold its lease for {left.TotalSeconds:0} s more"), clock.UtcNow + left)
            : await SettleAsync(item, TerminationReason.WorkerLost, $"the machine of {record.DeviceId} did not answer any more", null);
    }

    /// <summary>
    /// The worker's last word; null when it is certain that none lives. On null the work is placed anew at once, so a trainer's memory, which another activation
    /// may have overtaken, is not enough for it.
    /// </summary>
    private async Task<WorkerStatus?> AskTrainerAsync() => await Trainer.GetAsync(record.Epoch) ?? await Trainer.DisownAsync(record.Epoch);

    private TimeSpan Silence => clock.Time.GetElapsedTime(record.LastContact!.Value);

    /// <summary>Ends the attempt. Its owner saves what follows from an end; what follows from a retry is saved here.</summary>
    private async Task<AttemptStep> SettleAsync(WorkItem item, TerminationReason reason, string message, WorkerStatus? status)
    {
        // The lease ends first: should that fail, the next look finds the attempt as it was and settles it again.
        await scheduler.ReleaseAsync(item.ItemId, record.Epoch);
        AfterAttempt next = TerminationReasons.Next(reason);
        bool failed = next == AfterAttempt.RetryAsFailure, fruitless = reason == TerminationReason.LeaseExpired && status is { ProcessId: 0 };
        record.Failures += failed ? 1 : 0;
        record.Fruitless = fruitless ? record.Fruitless + 1 : 0;
        record.NotBefore = failed ? clock.UtcNow + Backoff(record.Failures) : fruitless ? clock.UtcNow + Backoff(record.Fruitless) : null;
        record.Phase = AttemptPhase.Idle;
        if (next == AfterAttempt.End)
        {
            return new AttemptEnded(reason, message, status);
        }

        // What its user asked for is no loss of the device, and a measurement that is still to be made is no training that moves.
        if (item.Policy?.Requeue == RequeuePolicy.Never && reason is not (TerminationReason.Paused or TerminationReason.Requeued) && status?.Result is not { BudgetIsUsedUp: true })
        {
            return new AttemptEnded(reason, $"{message}; its requeue policy is never", status);
        }

        if (failed && record.Failures >= (item.Policy?.MaxAttempts ?? options.MaxAttempts))
        {
            return new AttemptEnded(TerminationReason.AttemptsExhausted, $"{record.Failures} attempts failed; the last: {message}", status);
        }

        await save();
        return new AttemptRetries(reason, message, status);
    }

    private TimeSpan Backoff(int failures) =>
        TimeSpan.FromSeconds(Math.Min(options.BackoffMaximumSeconds, options.BackoffSeconds * Math.Pow(2, Math.Min(failures - 1, 30))));

    // The machine is down or cut off, or its silo is starting; bugs of ours are none of these.
    private static bool IsUnreachable(Exception problem) => problem is OrleansException or TimeoutException;
}
