using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Scheduling;

/// <summary>The scheduler as a grain: what is decided is <see cref="SchedulerDesk"/>'s; this class stores it, carries it to others and answers for it.</summary>
[Immovable]
internal sealed partial class SchedulerGrain(
    [PersistentState("scheduler", "cram")] IPersistentState<SchedulerRecord> storage,
    [PersistentState("ended-runs", "cram")] IPersistentState<EndedRuns> ended,
    IOptions<SchedulingOptions> options,
    IOptions<DeviceOptions> devices,
    IWorkPlacement placement,
    SiloClock clock,
    CramMetrics metrics,
    ILogger<SchedulerGrain> logger) : DurableGrain<SchedulerRecord>(storage), ISchedulerGrain, ISchedulerQueue, ISchedulerEffects
{
    private SchedulerDesk _desk = null!; // made on activation, when the state is there

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _desk = new SchedulerDesk(State, SaveAsync, ended.State, SaveEndedAsync, this, options.Value, TimeSpan.FromSeconds(devices.Value.LostAfterSeconds), clock);
        _desk.Leased += (itemId, deviceId, epoch) => LogLease(logger, itemId, deviceId, epoch);
        _desk.Evicted += (itemId, deviceId, reason) => LogEvicted(logger, itemId, deviceId, reason);
        PublishQueue();
        return Task.CompletedTask;
    }

    public Task EnrollAsync(string runId, DateTimeOffset submittedAt, int life) => _desk.EnrollAsync(runId, submittedAt, life);

    public async Task RunEndedAsync(string runId, int life)
    {
        await _desk.RunEndedAsync(runId, life);
        PublishQueue();
    }

    public Task<IReadOnlyList<string>> ActiveRunsAsync() => Task.FromResult<IReadOnlyList<string>>([.. State.ActiveRuns.Keys]);

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
        return outcome;
    }

    public Task<IReadOnlyList<DeviceView>> ListDevicesAsync() => Task.FromResult(_desk.Views());

    public async Task<IReadOnlyList<RunView>> ListRunsAsync(int limit)
    {
        IEnumerable<string> newest = State.ActiveRuns.Select(r => new EndedRun(r.Key, r.Value)).Concat(ended.State.Runs)
            .DistinctBy(r => r.RunId).OrderByDescending(r => r.SubmittedAt).ThenByDescending(r => r.RunId, StringComparer.Ordinal)
            .Take(Math.Max(limit, 0)).Select(r => r.RunId);
        RunView?[] views = await Task.WhenAll(newest.Select(id => GrainFactory.GetGrain<IRunGrain>(id).GetAsync()));
        return [.. views.OfType<RunView>()];
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
