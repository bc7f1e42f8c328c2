using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Devices;

/// <summary>
/// Everything that is decided about the worker of one device, without Orleans: it starts, renews, polls and ends it. The worker outlives this object and
/// its silo: what it was told is durable, and whoever reads that record goes on where the last one stopped. Used from one turn at a time.
/// </summary>
/// <param name="deviceId">The device.</param>
/// <param name="state">Its durable memory.</param>
/// <param name="save">Writes the memory; throws when that failed, and then this object must not be used again.</param>
/// <param name="host">The workers of this machine.</param>
/// <param name="assignments">Turns an order into a worker's assignment.</param>
/// <param name="budgets">The budget clock of a run.</param>
/// <param name="options">How workers are looked after.</param>
/// <param name="clock">The clock.</param>
/// <param name="logger">Where it says what it did.</param>
internal sealed partial class DeviceTrainer(
    string deviceId,
    TrainerRecord state,
    Func<Task> save,
    IWorkerHost host,
    Func<string, WorkOrder, WorkerAssignment> assignments,
    Func<string, IBudgetClockGrain> budgets,
    DeviceOptions options,
    SiloClock clock,
    ILogger logger)
{
    private WorkerStatus? _latest;
    private bool _ending;
    private long? _stoppingSince; // monotonic, counted anew by whoever takes the worker up: a clock that is set must neither kill a worker that saves nor spare one that hangs

    /// <summary>Whether there is a worker to look after.</summary>
    public bool Busy => state.Order is not null && state.Final is null;

    /// <inheritdoc cref="ITrainerGrain.GetAsync"/>
    /// <remarks>May be asked in the middle of another turn, so an end that is still being written is not told yet.</remarks>
    public WorkerStatus? Get(long epoch) =>
        epoch != state.Epoch || state.Order is null ? null : (_ending ? null : state.Final) ?? _latest ?? Starting(state.Order);

    /// <inheritdoc cref="ITrainerGrain.DisownAsync"/>
    public async Task<WorkerStatus?> DisownAsync(long epoch)
    {
        if (epoch > state.Epoch && epoch > state.RefusedEpoch)
        {
            // Had another activation accepted the order meanwhile, this write would fail.
            (state.RefusedEpoch, state.RefusedReason) = (epoch, TerminationReason.None);
            await save();
        }

        return Get(epoch);
    }

    /// <summary>Says what it found after a restart.</summary>
    public void Adopt()
    {
        if (Busy)
        {
            LogAdopted(logger, deviceId, state.Order!.RunId, state.Epoch);
        }
    }

    /// <inheritdoc cref="ITrainerGrain.StartAsync"/>
    public async Task<StartOutcome> StartAsync(WorkOrder order)
    {
        if (order.LeaseEpoch < state.Epoch)
        {
            return new StartOutcome(false, $"{deviceId} already serves epoch {state.Epoch}; epoch {order.LeaseEpoch} is stale");
        }

        if (order.LeaseEpoch > state.Epoch && order.LeaseEpoch <= state.RefusedEpoch)
        {
            // Why a later epoch was stopped is the business of the run that had that one.
            return order.LeaseEpoch == state.RefusedEpoch
                ? new StartOutcome(false, $"epoch {order.LeaseEpoch} was stopped before it began", state.RefusedReason)
                : new StartOutcome(false, $"{deviceId} was already given away under epoch {state.RefusedEpoch}; epoch {order.LeaseEpoch} is stale");
        }

        if (order.LeaseEpoch > state.Epoch)
        {
            if (!await IsCurrentAsync(order))
            {
                return new StartOutcome(false, $"epoch {order.LeaseEpoch} of {order.RunId} has been overtaken");
            }

            if (Busy)
            {
                // Its lease was given to somebody else, so whoever started it has given it up.
                LogSuperseded(logger, deviceId, state.Order!.RunId, state.Epoch, order.LeaseEpoch);
                await host.KillAsync(Assignment(state.Order), CancellationToken.None);
            }

            _latest = null;
            state.Epoch = order.LeaseEpoch;
            state.Order = order;
            state.Final = null;
            state.StopReason = TerminationReason.None;
            (state.StopAskedAt, _stoppingSince) = (null, null);
            await save();
        }

        if (Busy)
        {
            await StartWorkerAsync();
        }

        return new StartOutcome(true, "started");
    }

    /// <inheritdoc cref="ITrainerGrain.StopAsync"/>
    public async Task StopAsync(long epoch, TerminationReason reason)
    {
        if (epoch > state.Epoch && epoch > state.RefusedEpoch)
        {
            (state.RefusedEpoch, state.RefusedReason) = (epoch, reason);
            await save();
        }

        if (epoch != state.Epoch || !Busy)
        {
            return;
        }

        if (state.StopReason == TerminationReason.None)
        {
            state.StopReason = reason;
            (state.StopAskedAt, _stoppingSince) = (clock.UtcNow, clock.Time.GetTimestamp());
            await save();
        }

        await host.StopAsync(Assignment(state.Order!), state.StopReason, CancellationToken.None);
    }

    /// <summary>Polls the worker, charges the budget, and renews its lease or sees to its end.</summary>
    public async Task LookAfterAsync(CancellationToken cancellationToken)
    {
        // What is charged below gives the right to renew; a lease is counted from before that, however long the answer takes.
        long asked = clock.Time.GetTimestamp();
        WorkerAssignment assignment = Assignment(state.Order!);
        WorkerStatus? status = await host.PollAsync(assignment, cancellationToken);
        if (status is null && state.StopReason != TerminationReason.None)
        {
            await EndAsync(Starting(state.Order!) with { Phase = WorkerPhase.Ended, Reason = state.StopReason, Message = "stopped before its worker began" });
            return;
        }

        if (status is null)
        {
            // The order was made durable, but its worker never started: the silo died in between.
            await StartWorkerAsync();
            return;
        }

        if (status.Phase != WorkerPhase.Ended)
        {
            _latest = status; // an end is told only once it is charged and durable
        }

        if (!await ChargeAsync(status))
        {
            await host.KillAsync(assignment, cancellationToken);
            await EndAsync(status with { Phase = WorkerPhase.Ended, Reason = TerminationReason.WorkerLost, Message = "its lease epoch is stale: another attempt has taken over" });
        }
        else if (status.Phase == WorkerPhase.Ended)
        {
            await EndAsync(Explained(status));
        }
        else if (state.StopReason != TerminationReason.None)
        {
            await InsistAsync(assignment, cancellationToken);
        }
        else if (!await host.RenewLeaseAsync(assignment, LeaseFrom(asked), cancellationToken))
        {
            LogLeaseNotRenewed(logger, deviceId, state.Order!.RunId, state.Epoch);
        }
    }

    private async Task StartWorkerAsync()
    {
        long asked = clock.Time.GetTimestamp();
        if (!await IsCurrentAsync(state.Order!))
        {
            await host.KillAsync(Assignment(state.Order!), CancellationToken.None); // it may have been started before, and an end that is told is one
            await EndAsync(Starting(state.Order!) with { Phase = WorkerPhase.Ended, Reason = TerminationReason.WorkerLost, Message = "its lease epoch is stale: another attempt has taken over" });
            return;
        }

        // The order may be old memory: if another activation has told of its end meanwhile, this write fails, and nothing is started.
        await save();
        if (clock.Time.GetElapsedTime(asked).TotalSeconds >= options.WorkerLeaseSeconds)
        {
            // The answer was so long on its way, or this machine stood still so long, that the run may have gone on elsewhere since: asked again at the next look.
            LogAnswerTooOld(logger, deviceId, state.Order!.RunId, state.Epoch);
            return;
        }

        try
        {
            await host.StartAsync(Assignment(state.Order!) with { LeaseSeconds = LeaseFrom(asked).TotalSeconds }, CancellationToken.None);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            TerminationReason reason = DiskErrors.IsDiskFull(problem) ? TerminationReason.DiskFull : TerminationReason.WorkerFailed;
            await EndAsync(Starting(state.Order!) with { Phase = WorkerPhase.Ended, Reason = reason, Message = $"the worker could not be started: {problem.Message}" });
        }
    }

    /// <summary>What is left of a lease that began then; never nothing, since that would be an error to ask for.</summary>
    private TimeSpan LeaseFrom(long timestamp)
    {
        TimeSpan left = TimeSpan.FromSeconds(options.WorkerLeaseSeconds) - clock.Time.GetElapsedTime(timestamp);
        return left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);
    }

    /// <returns>False when the budget clock serves a later attempt.</returns>
    private async Task<bool> ChargeAsync(WorkerStatus status)
    {
        if (status.Job != WorkerJob.Pretrain)
        {
            return true;
        }

        BudgetReading reading = await budgets(state.Order!.RunId).ChargeAsync(state.Epoch, status.BudgetUsedSeconds);
        return reading.Accepted;
    }

    /// <summary>An order that was long on its way may come after its run has gone on elsewhere; the budget clock knows.</summary>
    private async Task<bool> IsCurrentAsync(WorkOrder order) =>
        order.Job != WorkerJob.Pretrain || (await budgets(order.RunId).ChargeAsync(order.LeaseEpoch, order.BudgetUsedSeconds)).Accepted;

    private async Task InsistAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        _stoppingSince ??= clock.Time.GetTimestamp();
        if (clock.Time.GetElapsedTime(_stoppingSince.Value) > TimeSpan.FromSeconds(options.StopGraceSeconds))
        {
            LogKilled(logger, deviceId, state.Order!.RunId, state.Epoch);
            await host.KillAsync(assignment, cancellationToken);
        }
        else
        {
            await host.StopAsync(assignment, state.StopReason, cancellationToken);
        }
    }

    /// <summary>A worker that was asked to stop and then died did what it was asked, without its last checkpoint.</summary>
    private WorkerStatus Explained(WorkerStatus status) =>
        state.StopReason != TerminationReason.None && status.Reason == TerminationReason.WorkerLost ? status with { Reason = state.StopReason } : status;

    private async Task EndAsync(WorkerStatus final)
    {
        _ending = true; // for good when the write fails: then this object is not used again
        state.Final = final;
        await save();
        _ending = false;
        LogEnded(logger, deviceId, state.Order!.RunId, state.Epoch, final.Reason);
    }

    private WorkerAssignment Assignment(WorkOrder order) => assignments(deviceId, order);

    private static WorkerStatus Starting(WorkOrder order) => new(
        order.RunId, order.LeaseEpoch, order.Job, 0, WorkerPhase.Starting, TerminationReason.None, "the worker is starting", order.BudgetUsedSeconds, null, [], null);
}
