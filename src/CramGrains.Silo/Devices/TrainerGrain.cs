using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Devices;

/// <summary>
/// Starts, renews, polls and ends the worker of one device. The worker outlives this activation and this silo: what it was told is durable, and an
/// activation that finds an unfinished order goes on where the last one stopped.
/// </summary>
[PinToMachine, Immovable]
internal sealed partial class TrainerGrain(
    [PersistentState("trainer", "cram")] IPersistentState<TrainerRecord> storage,
    IWorkerHost host,
    WorkerAssignments assignments,
    IOptions<DeviceOptions> options,
    SiloClock clock,
    ILogger<TrainerGrain> logger) : DurableGrain<TrainerRecord>(storage), ITrainerGrain
{
    private IGrainTimer? _timer;
    private WorkerStatus? _latest;

    private string DeviceId => this.GetPrimaryKeyString();

    private bool Busy => State.Order is not null && State.Final is null;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Busy)
        {
            LogAdopted(logger, DeviceId, State.Order!.RunId, State.Epoch);
            StartTimer();
        }

        return Task.CompletedTask;
    }

    public Task AdoptAsync() => Task.CompletedTask; // Being activated is all it takes.

    public Task<WorkerStatus?> GetAsync(long epoch) => Task.FromResult(
        epoch != State.Epoch || State.Order is null ? null : State.Final ?? _latest ?? Starting(State.Order));

    public async Task<StartOutcome> StartAsync(WorkOrder order)
    {
        if (order.LeaseEpoch < State.Epoch)
        {
            return new StartOutcome(false, $"{DeviceId} already serves epoch {State.Epoch}; epoch {order.LeaseEpoch} is stale");
        }

        if (order.LeaseEpoch > State.Epoch)
        {
            if (Busy)
            {
                // Its lease was given to somebody else, so whoever started it has given it up.
                LogSuperseded(logger, DeviceId, State.Order!.RunId, State.Epoch, order.LeaseEpoch);
                await host.KillAsync(Assignment(State.Order), CancellationToken.None);
            }

            _latest = null;
            State.Epoch = order.LeaseEpoch;
            State.Order = order;
            State.Final = null;
            State.StopReason = TerminationReason.None;
            State.StopAskedAt = null;
            await SaveAsync();
        }

        if (Busy)
        {
            await StartWorkerAsync();
            StartTimer();
        }

        return new StartOutcome(true, "started");
    }

    public async Task StopAsync(long epoch, TerminationReason reason)
    {
        if (epoch != State.Epoch || !Busy)
        {
            return;
        }

        if (State.StopReason == TerminationReason.None)
        {
            State.StopReason = reason;
            State.StopAskedAt = clock.UtcNow;
            await SaveAsync();
        }

        await host.StopAsync(Assignment(State.Order!), State.StopReason, CancellationToken.None);
    }

    private async Task StartWorkerAsync()
    {
        try
        {
            await host.StartAsync(Assignment(State.Order!), CancellationToken.None);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            TerminationReason reason = DiskErrors.IsDiskFull(problem) ? TerminationReason.DiskFull : TerminationReason.WorkerFailed;
            await EndAsync(Starting(State.Order!) with { Phase = WorkerPhase.Ended, Reason = reason, Message = $"the worker could not be started: {problem.Message}" });
        }
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        if (!Busy || GaveWay)
        {
            StopTimer();
            return;
        }

        try
        {
            await LookAfterAsync(cancellationToken);
        }
        catch (Exception problem) when (!GaveWay)
        {
            // A store or a clock that does not answer costs this look, not the worker; its lease outlasts many.
            LogTickFailed(logger, problem, DeviceId, State.Epoch);
        }
    }

    private async Task LookAfterAsync(CancellationToken cancellationToken)
    {
        WorkerAssignment assignment = Assignment(State.Order!);
        WorkerStatus? status = await host.PollAsync(assignment, cancellationToken);
        if (status is null)
        {
            // The order was made durable, but its worker never started: the silo died in between.
            await StartWorkerAsync();
            return;
        }

        _latest = status;
        if (!await ChargeAsync(status))
        {
            await host.KillAsync(assignment, cancellationToken);
            await EndAsync(status with { Phase = WorkerPhase.Ended, Reason = TerminationReason.WorkerLost, Message = "its lease epoch is stale: another attempt has taken over" });
        }
        else if (status.Phase == WorkerPhase.Ended)
        {
            await EndAsync(Explained(status));
        }
        else if (State.StopAskedAt is { } askedAt)
        {
            await InsistAsync(assignment, askedAt, cancellationToken);
        }
        else if (!await host.RenewLeaseAsync(assignment, TimeSpan.FromSeconds(options.Value.WorkerLeaseSeconds), cancellationToken))
        {
            LogLeaseNotRenewed(logger, DeviceId, State.Order!.RunId, State.Epoch);
        }
    }

    /// <returns>False when the budget clock serves a later attempt.</returns>
    private async Task<bool> ChargeAsync(WorkerStatus status)
    {
        if (status.Job != WorkerJob.Pretrain)
        {
            return true;
        }

        BudgetReading reading = await GrainFactory.GetGrain<IBudgetClockGrain>(State.Order!.RunId).ChargeAsync(State.Epoch, status.BudgetUsedSeconds);
        return reading.Accepted;
    }

    private async Task InsistAsync(WorkerAssignment assignment, DateTimeOffset askedAt, CancellationToken cancellationToken)
    {
        if (clock.UtcNow - askedAt > TimeSpan.FromSeconds(options.Value.StopGraceSeconds))
        {
            LogKilled(logger, DeviceId, State.Order!.RunId, State.Epoch);
            await host.KillAsync(assignment, cancellationToken);
        }
        else
        {
            await host.StopAsync(assignment, State.StopReason, cancellationToken);
        }
    }

    /// <summary>A worker that was asked to stop and then died did what it was asked, without its last checkpoint.</summary>
    private WorkerStatus Explained(WorkerStatus status) =>
        State.StopReason != TerminationReason.None && status.Reason == TerminationReason.WorkerLost ? status with { Reason = State.StopReason } : status;

    private async Task EndAsync(WorkerStatus final)
    {
        State.Final = final;
        await SaveAsync();
        LogEnded(logger, DeviceId, State.Order!.RunId, State.Epoch, final.Reason);
        StopTimer();
    }

    private WorkerAssignment Assignment(WorkOrder order) => assignments.Make(DeviceId, order);

    private static WorkerStatus Starting(WorkOrder order) => new(
        order.RunId, order.LeaseEpoch, order.Job, 0, WorkerPhase.Starting, TerminationReason.None, "the worker is starting", order.BudgetUsedSeconds, null, [], null);

    private void StartTimer()
    {
        TimeSpan period = TimeSpan.FromSeconds(options.Value.PollSeconds);
        _timer ??= this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(TimeSpan.Zero, period) { KeepAlive = true });
    }

    private void StopTimer()
    {
        _timer?.Dispose();
        _timer = null;
    }
}
