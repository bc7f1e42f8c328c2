using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Devices;

/// <summary>The trainer of one device as a grain: what is decided is <see cref="DeviceTrainer"/>'s; this class stores it and keeps looking.</summary>
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
    private DeviceTrainer _trainer = null!; // made on activation, when the state is there

    private string DeviceId => this.GetPrimaryKeyString();

    private DeviceTrainer Trainer
    {
        get
        {
            RequireCurrent();
            return _trainer;
        }
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _trainer = new DeviceTrainer(
            DeviceId, State, SaveAsync, host, assignments.Make, run => GrainFactory.GetGrain<IBudgetClockGrain>(run), options.Value, clock, logger);
        _trainer.Adopt();
        KeepLooking();
        return Task.CompletedTask;
    }

    public Task AdoptAsync() => Task.CompletedTask; // Being activated is all it takes.

    public Task<WorkerStatus?> GetAsync(long epoch) => Task.FromResult(Trainer.Get(epoch));

    public Task<WorkerStatus?> DisownAsync(long epoch) => Trainer.DisownAsync(epoch);

    public async Task<StartOutcome> StartAsync(WorkOrder order)
    {
        try
        {
            return await Trainer.StartAsync(order);
        }
        finally
        {
            KeepLooking(); // also when it failed half-way: an order that is durable is carried out
        }
    }

    public Task StopAsync(long epoch, TerminationReason reason) => Trainer.StopAsync(epoch, reason);

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        if (!_trainer.Busy || GaveWay)
        {
            _timer?.Dispose();
            _timer = null;
            return;
        }

        try
        {
            await _trainer.LookAfterAsync(cancellationToken);
        }
        catch (Exception problem) when (!GaveWay)
        {
            // A store or a clock that does not answer costs this look, not the worker; its lease outlasts many.
            LogTickFailed(logger, problem, DeviceId, State.Epoch);
        }
    }

    private void KeepLooking()
    {
        if (_trainer.Busy)
        {
            TimeSpan period = TimeSpan.FromSeconds(options.Value.PollSeconds);
            _timer ??= this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(TimeSpan.Zero, period) { KeepAlive = true });
        }
    }
}
