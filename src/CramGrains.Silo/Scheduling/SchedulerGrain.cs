using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace CramGrains.Silo.Scheduling;

/// <summary>The scheduler as a grain: what is decided is <see cref="SchedulerDesk"/>'s; this class stores it, carries it to others and answers for it.</summary>
/// <remarks>Reentrant, so that calls that arrive during a write can share the next one.</remarks>
[Immovable, Reentrant]
internal sealed partial class SchedulerGrain(
    [PersistentState("scheduler", "cram")] IPersistentState<SchedulerRecord> storage,
    [FromKeyedServices("cram")] IGrainStorage store,
    IOptions<SchedulingOptions> options,
    IOptions<DeviceOptions> devices,
    IWorkPlacement placement,
    SiloClock clock,
    CramMetrics metrics,
    ILogger<SchedulerGrain> logger) : DurableGrain<SchedulerRecord>(storage), ISchedulerGrain, ISchedulerQueue, ISchedulerEffects
{
    private readonly List<GrainState<EndedRuns>> _pages = [];
    private SchedulerDesk _desk = null!; // made on activation, when the state is there
    private EndedHistory _ended = null!;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _ended = new EndedHistory(await EndedHistory.ReadAsync(ReadPageAsync), WritePageAsync);
        _desk = new SchedulerDesk(State, SaveAsync, _ended, this, options.Value, TimeSpan.FromSeconds(devices.Value.LostAfterSeconds), clock);
        _desk.Leased += (itemId, deviceId, epoch) => LogLease(logger, itemId, deviceId, epoch);
        _desk.EpochsRaised += (machine, highest, known) => LogEpochsRaised(logger, machine, highest, known);
        _desk.Evicted += (itemId, deviceId, reason) => LogEvicted(logger, itemId, deviceId, reason);
        PublishQueue();
    }

    /// <summary>The next activation may be on another silo; this one must not go on telling its scrapers of queue and devices as they were.</summary>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        metrics.PublishScheduler(0, []);
        return Task.CompletedTask;
    }

    public Task EnrollAsync(string runId, DateTimeOffset submittedAt, int life) => _desk.EnrollAsync(runId, submittedAt, life);

    public async Task RunEndedAsync(string runId, int life)
    {
        await _desk.RunEndedAsync(runId, life);
        PublishQueue();
    }

    public async Task<IReadOnlyList<string>> ActiveRunsAsync()
    {
        List<string> active = [.. State.ActiveRuns.Keys];
        await _desk.DurableAsync();
        return active;
    }

    public async Task<WorkTicket> RequestAsync(WorkItem item)
    {
        WorkTicket ticket = await _desk.RequestAsync(placement.Widen(
            item, machine => State.Devices.Values.FirstOrDefault(d => d.Report.Machine == machine && d.Report.Kind != DeviceReport.Data)?.Report.DeviceId));
        metrics.PublishQueue(_desk.Waiting);
        return ticket;
    }

    public async Task<bool> ReleaseAsync(string itemId, long knownEpoch)
    {
        long current = await _desk.ReleaseAsync(itemId, knownEpoch);
        if (current != 0)
        {
            metrics.FenceRejected("release");
            LogStaleRelease(logger, itemId, knownEpoch, current);
        }

        PublishQueue();
        return current == 0;
    }

    public async Task ReportDevicesAsync(string machine, IReadOnlyList<DeviceReport> devices)
    {
        await _desk.ReportDevicesAsync(machine, devices);
        PublishQueue();
    }

    public async Task AuditedAsync(string itemId, long epoch, long version, bool held)
    {
        if (await _desk.AuditedAsync(itemId, epoch, version, held))
        {
            LogOrphan(logger, itemId, epoch);
        }
    }

    public async Task<CommandOutcome> CommandDevicesAsync(DeviceCommand command)
    {
        CommandOutcome outcome = await _desk.CommandDevicesAsync(command);
        LogCommand(logger, command.User, command.Kind, command.Target, outcome.Message);
        PublishQueue();
        if (command.Kind == DeviceCommandKind.Forget && outcome.Accepted && State.Devices.Values.All(d => d.Report.Machine != command.Target)
            && ServiceProvider.GetService<StoreIdentity>() is { } names)
        {
            await names.FreeAsync(command.Target); // should this fail, the same command comes again
        }

        return outcome;
    }

    public async Task<IReadOnlyList<DeviceView>> ListDevicesAsync()
    {
        IReadOnlyList<DeviceView> views = _desk.Views();
        await _desk.DurableAsync();
        return views;
    }

    public async Task<IReadOnlyList<RunView>> ListRunsAsync(int limit) => (await PageRunsAsync(new RunQuery(limit))).Runs;

    public async Task<RunPage> PageRunsAsync(RunQuery query)
    {
        (IReadOnlyList<string> ids, string? next, string? problem) = RunIndex.Page(State.ActiveRuns, _ended, query);
        RunView?[] views = await Task.WhenAll(ids.Select(id => GrainFactory.GetGrain<IRunGrain>(id).GetAsync()));
        return new RunPage([.. views.OfType<RunView>()], next, problem);
    }

    void ISchedulerEffects.Wake(string owner) => GrainFactory.GetGrain<IWorkOwner>(GrainId.Parse(owner)).WakeAsync().Ignore();

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) =>
        GrainFactory.GetGrain<ITrainerGrain>(deviceId).StopAsync(epoch, reason).Ignore();

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) => AuditAsync(owner, itemId, epoch, version).Ignore();

    private async Task AuditAsync(string owner, string itemId, long epoch, long version)
    {
        bool held = await GrainFactory.GetGrain<IWorkOwner>(GrainId.Parse(owner)).HoldsAsync(itemId, epoch);
        if (!held)
        {
            // As a call of its own: by now this grain may be in the middle of another.
            await GrainFactory.GetGrain<ISchedulerQueue>(SchedulerKey.Default).AuditedAsync(itemId, epoch, version, held);
        }
    }

    private void PublishQueue() => metrics.PublishScheduler(_desk.Waiting, _desk.Views());

    private async Task<EndedRuns?> ReadPageAsync(int page)
    {
        var state = new GrainState<EndedRuns>(new EndedRuns());
        await store.ReadStateAsync(EndedHistory.NameOf(page), this.GetGrainId(), state);
        if (!state.RecordExists)
        {
            return null;
        }

        _pages.Add(state);
        return state.State;
    }

    private async Task WritePageAsync(int page, EndedRuns runs)
    {
        if (page == _pages.Count)
        {
            _pages.Add(new GrainState<EndedRuns>(runs));
        }

        try
        {
            await store.WriteStateAsync(EndedHistory.NameOf(page), this.GetGrainId(), _pages[page]);
        }
        catch
        {
            GiveWay();
            throw;
        }
    }
}
