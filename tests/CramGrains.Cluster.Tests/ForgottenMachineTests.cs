using System.Diagnostics.Metrics;
using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Telemetry;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace CramGrains.Cluster.Tests;

/// <summary>A machine that goes while a run trains on it, is forgotten, and comes back.</summary>
[Trait("Category", "Cluster")]
public sealed class ForgottenMachineTests
{
    [Fact]
    public async Task Forget_MachineThatARunWasOn_LetsTheRunGoOnFirstAndTheMachineRegisterAgain()
    {
        await using Lab lab = await Lab.StartAsync(machines: 2, silos: silo => silo.Services.AddSingleton<IWorkPlacement, DataFollowsWork>());
        lab.Workers.Script = w =>
        {
            if (w.Assignment.Job != WorkerJob.Pretrain)
            {
                w.Complete();
            }
        };
        await Lab.UntilAsync(async () => (await lab.DevicesAsync()).Count == 2, () => "both machines have reported");
        await lab.Scheduler.CommandDevicesAsync(new DeviceCommand("c-1", "m1/cpu", DeviceCommandKind.Cordon, "eve", null));
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker first = await lab.WorkerAsync(WorkerJob.Pretrain);
        Assert.Equal("m0/cpu", await lab.DeviceOfAsync("r-1"));
        await lab.Scheduler.CommandDevicesAsync(new DeviceCommand("c-2", "m1/cpu", DeviceCommandKind.Return, "eve", null));
        Assert.StartsWith("m0 is alive: it reported", (await ForgetAsync(lab)).Message, StringComparison.Ordinal);

        await lab.StopAsync("m0");
        await Lab.UntilAsync(async () => (await lab.DevicesAsync()).Count == 2, () => "the scheduler answers from the silo that is left");
        lab.Clock.Advance(TimeSpan.FromSeconds(31));
        CommandOutcome held = await ForgetAsync(lab);
        Assert.StartsWith("the lease of r-1/pretrain on m0/cpu may still be live.", held.Message, StringComparison.Ordinal);
        await Lab.UntilAsync(
            async () =>
            {
                lab.Clock.Advance(TimeSpan.FromSeconds(20));
                return (held = await ForgetAsync(lab)).Accepted;
            },
            () => $"the run has given its device up and the machine can be forgotten; last answer: {held.Message}");

        ScriptedWorker second = await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);
        Assert.True(second.Assignment.LeaseEpoch > first.Assignment.LeaseEpoch);
        Assert.Equal("m1/cpu", await lab.DeviceOfAsync("r-1"));
        Assert.Equal(["m1/cpu"], Told(lab));
        Assert.Equal("m1/cpu", Assert.Single(await lab.DevicesAsync()).DeviceId);
        second.Complete();
        await lab.UntilAsync("r-1", RunState.Succeeded);

        await lab.StartAgainAsync();
        await Lab.UntilAsync(async () => (await lab.DevicesAsync()).Any(d => d is { DeviceId: "m0/cpu", State: DeviceState.Free }), () => "m0 has registered again");
    }

    private static Task<CommandOutcome> ForgetAsync(Lab lab) =>
        lab.Scheduler.CommandDevicesAsync(new DeviceCommand(Guid.NewGuid().ToString("N"), "m0", DeviceCommandKind.Forget, "eve", null));

    /// <summary>The devices that the silo that is left tells its scrapers of.</summary>
    private static List<string> Told(Lab lab)
    {
        HashSet<string> devices = [];
        object scope = lab.SiloServices.GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, reading) =>
        {
            if (instrument.Meter.Name == CramMetrics.MeterName && instrument.Meter.Scope == scope && instrument.Name == "cram_device_state")
            {
                reading.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((_, _, tags, _) => devices.UnionWith(tags.ToArray().Where(tag => tag.Key == "device").Select(tag => (string)tag.Value!)));
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. devices.Order(StringComparer.Ordinal)];
    }
}
