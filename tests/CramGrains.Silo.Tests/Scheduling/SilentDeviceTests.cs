using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Tests.Hosting;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>How long a device has not been heard of, on machines whose wall clocks are set or differ.</summary>
public sealed class SilentDeviceTests : ISchedulerEffects
{
    private static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(30), Hour = TimeSpan.FromHours(1);
    private readonly SetClock _time = new();
    private SchedulerRecord _state = new();
    private SchedulerDesk _desk;

    public SilentDeviceTests() => _desk = Start();

    private DeviceState State => Assert.Single(_desk.Views()).State;

    [Fact]
    public async Task Views_ClockSetBack_DeviceThatFallsSilentIsLost()
    {
        await ReportAsync();
        _time.WallError = -Hour;
        Assert.Equal(DeviceState.Free, State);

        _time.Pass(LostAfter + TimeSpan.FromSeconds(1));

        Assert.Equal(DeviceState.Lost, State);
    }

    [Fact]
    public async Task Views_ClockSetForward_DeviceThatHasJustReportedIsNotLost()
    {
        await ReportAsync();

        _time.WallError = Hour;

        Assert.Equal(DeviceState.Free, State);
    }

    /// <summary>The machine that is lost may be the one on which the scheduler lived, and its clock may have been ahead.</summary>
    [Fact]
    public async Task Views_SchedulerGoesOnWhereTheClockIsBehind_DeviceThatDoesNotReportIsLost()
    {
        await ReportAsync();
        _time.WallError = -Hour;
        _desk = Start();

        _time.Pass(LostAfter + TimeSpan.FromSeconds(1));

        Assert.Equal(DeviceState.Lost, State);
    }

    [Fact]
    public async Task Views_SchedulerStartsLongAfterTheLastReport_DeviceIsLostAtOnce()
    {
        await ReportAsync();
        _time.Pass(Hour);

        _desk = Start();

        Assert.Equal(DeviceState.Lost, State);
    }

    void ISchedulerEffects.Wake(string owner) { }

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) { }

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) { }

    /// <summary>A scheduler that knows what is stored.</summary>
    private SchedulerDesk Start()
    {
        var store = new StateSerializer();
        _state = store.Deserialize<SchedulerRecord>(store.Serialize(_state));
        return new SchedulerDesk(
            _state, () => Task.CompletedTask, new EndedHistory([], (_, _) => Task.CompletedTask), this, new SchedulingOptions { SettleSeconds = 0 }, LostAfter, new SiloClock(_time));
    }

    private Task ReportAsync() => _desk.ReportDevicesAsync("a", [new DeviceReport("a/gpu0", "a", DeviceReport.Cuda, "GPU", 80L << 30)]);
}
