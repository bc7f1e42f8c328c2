using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Worker;

namespace CramGrains.Cluster.Tests;

/// <summary>Orders to devices, and what keeps work from them, on a real cluster with scripted workers.</summary>
[Trait("Category", "Cluster")]
public sealed class DeviceOrderTests
{
    [Fact]
    public async Task DrainNow_WhileARunTrains_MovesItAndReturnTakesTheDeviceBack()
    {
        await using Lab lab = await Lab.StartAsync(devices: "cpu:2");
        lab.HoldPretraining();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker first = await lab.WorkerAsync(WorkerJob.Pretrain);
        string drained = await lab.DeviceOfAsync("r-1");

        CommandOutcome outcome = await lab.Scheduler.CommandDevicesAsync(new DeviceCommand("c-1", drained, DeviceCommandKind.DrainNow, "eve", "new fan"));
        ScriptedWorker second = await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);

        Assert.True(outcome.Accepted);
        Assert.Equal(TerminationReason.Drained, first.Status.Reason);
        Assert.NotEqual(first.Assignment.WorkFolder, second.Assignment.WorkFolder);
        DeviceView view = (await lab.DevicesAsync()).Single(d => d.DeviceId == drained);
        Assert.Equal((DeviceState.Drained, "is drained by eve: new fan"), (view.State, view.Message));
        await lab.Scheduler.CommandDevicesAsync(new DeviceCommand("c-2", drained, DeviceCommandKind.Return, "eve", null));
        Assert.Equal(DeviceState.Free, (await lab.DevicesAsync()).Single(d => d.DeviceId == drained).State);
    }

    [Theory]
    [InlineData(DeviceCommandKind.Cordon, DeviceState.Cordoned, DeviceState.Cordoned)]
    [InlineData(DeviceCommandKind.DrainAfterCurrent, DeviceState.Draining, DeviceState.Drained)]
    public async Task Device_OrderedWhileARunTrains_LetsItEndAndPlacesNothingNew(DeviceCommandKind kind, DeviceState during, DeviceState after)
    {
        await using Lab lab = await Lab.StartAsync();
        lab.HoldPretraining();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker worker = await lab.WorkerAsync(WorkerJob.Pretrain);

        await lab.Scheduler.CommandDevicesAsync(new DeviceCommand("c-1", "m0/cpu", kind, "eve", null));
        Assert.Equal(during, Assert.Single(await lab.DevicesAsync()).State);
        worker.Complete();
        await lab.UntilAsync("r-1", RunState.Succeeded);
        await lab.SubmitAsync(Requests.Submit(lab, "r-2"));
        await lab.UntilAsync("r-2", v => v.Message.Contains("by eve", StringComparison.Ordinal), "it says why it waits");

        Assert.Equal(after, Assert.Single(await lab.DevicesAsync()).State);
    }

    [Fact]
    public async Task Drain_UnknownTarget_IsRefused()
    {
        await using Lab lab = await Lab.StartAsync();

        CommandOutcome outcome = await lab.Scheduler.CommandDevicesAsync(new DeviceCommand("c-1", "m9/gpu0", DeviceCommandKind.DrainNow, "eve", null));

        Assert.Equal(new CommandOutcome(false, "there is no device or machine 'm9/gpu0'; `cram devices` lists them."), outcome);
    }

    [Fact]
    public async Task Devices_GpuOfAScriptedDriver_ShowsFactsAndComesBackAfterStrangersLeave()
    {
        var gpus = new ScriptedGpus();
        await using Lab lab = await Lab.StartAsync(devices: "auto", gpus: gpus);
        await Lab.UntilAsync(async () => (await lab.DevicesAsync()) is [{ State: DeviceState.Free }], () => "the GPU is free");
        DeviceView free = Assert.Single(await lab.DevicesAsync());
        Assert.Equal(("m0/gpu0", "GPU-test", 90, "570.1", 41.0), (free.DeviceId, free.Uuid!, free.ComputeCapability, free.Driver!, free.TemperatureCelsius!.Value));

        gpus.Now = gpus.Now with { Processes = [1] };
        await Lab.UntilAsync(async () => (await lab.DevicesAsync())[0] is { State: DeviceState.BusyByOthers, Message: "is used by process 1, not of this cluster" }, () => "a stranger is seen");
        gpus.Now = gpus.Now with { Processes = [], Xids = [79] };
        await Lab.UntilAsync(async () => (await lab.DevicesAsync())[0] is { State: DeviceState.Unhealthy } d && d.Message.Contains("Xid 79", StringComparison.Ordinal), () => "it is unhealthy");
        gpus.Now = gpus.Now with { Xids = [] };
        lab.Clock.Advance(TimeSpan.FromMinutes(61));
        await Lab.UntilAsync(async () => (await lab.DevicesAsync())[0].State == DeviceState.Free, () => "it is used again");
        gpus.Fails = true;
        await Lab.UntilAsync(async () => (await lab.DevicesAsync())[0] is { State: DeviceState.Unhealthy, Message: "driver mismatch" }, () => "the driver's failure is seen");
    }

    private sealed class ScriptedGpus : IGpuProbe
    {
        public GpuReading Now { get; set; } = new(0, "GPU-test", "Test GPU", 80L << 30, 0, 90, "570.1", 41, 0, 100, [], []);

        public bool Fails { get; set; }

        public IReadOnlyList<GpuReading> Read() => Fails ? throw new GpuProbeException("driver mismatch") : [Now];
    }
}
