using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Tests.Hosting;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>How long a lease has been held, which preemption and fair share go by, on a machine whose clock is set.</summary>
public sealed class LeaseTimeTests : ISchedulerEffects
{
    private static readonly TimeSpan Guarantee = TimeSpan.FromMinutes(30), Year = TimeSpan.FromDays(365);
    private readonly SetClock _time = new();
    private readonly HashSet<string> _evicted = [];
    private SchedulerRecord _state = new();
    private SchedulerDesk _desk;

    public LeaseTimeTests() => _desk = Start();

    [Fact]
    public async Task RequestAsync_ClockSetForward_LeavesTheHolderItsGuaranteedTime()
    {
        await BeginAsync();
        _time.WallError = Year;
        await ReportAsync();
        Assert.Empty(_evicted);

        _time.Pass(Guarantee);
        await ReportAsync();
        Assert.Equal(["a/gpu0"], _evicted);
    }

    [Fact]
    public async Task RequestAsync_ClockSetBack_DoesNotProlongIt()
    {
        await BeginAsync();
        _time.WallError = -Year;

        _time.Pass(Guarantee);
        await ReportAsync();

        Assert.Equal(["a/gpu0"], _evicted);
    }

    [Fact]
    public async Task RequestAsync_SchedulerHasStartedAnewMeanwhile_CountsOnFromWhatIsStored()
    {
        await BeginAsync();
        _time.Pass(Guarantee / 2);
        _desk = Start();
        await _desk.RequestAsync(Item("urgent", 5));
        await ReportAsync();
        Assert.Empty(_evicted);

        _time.Pass(Guarantee / 2);
        await ReportAsync();
        Assert.Equal(["a/gpu0"], _evicted);
    }

    [Fact]
    public async Task ReleaseAsync_ClockSetForward_ChargesItsUserForTheTimeThatHasPassed()
    {
        await BeginAsync();
        _time.Pass(TimeSpan.FromSeconds(90));
        _time.WallError = Year;

        await _desk.ReleaseAsync("long/pretrain", 0);

        Assert.Equal(90, _state.Usage["ada"].DeviceSeconds);
    }

    void ISchedulerEffects.Wake(string owner) { }

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) => _evicted.Add(deviceId);

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) { }

    /// <summary>One run has the device, and one of higher priority waits for it.</summary>
    private async Task BeginAsync()
    {
        await _desk.EnrollAsync("long", default, 0);
        await _desk.EnrollAsync("urgent", default, 0);
        await ReportAsync();
        Assert.NotNull((await _desk.RequestAsync(Item("long", 0))).DeviceId);
        Assert.Null((await _desk.RequestAsync(Item("urgent", 5))).DeviceId);
    }

    private SchedulerDesk Start()
    {
        var store = new StateSerializer();
        _state = store.Deserialize<SchedulerRecord>(store.Serialize(_state));
        var options = new SchedulingOptions { SettleSeconds = 0, GuaranteedRunSeconds = Guarantee.TotalSeconds, ForgetAfterSeconds = 3600 };
        return new SchedulerDesk(_state, () => Task.CompletedTask, new EndedHistory([], (_, _) => Task.CompletedTask), this, options, Year * 2, new SiloClock(_time));
    }

    private Task ReportAsync() => _desk.ReportDevicesAsync("a", [new DeviceReport("a/gpu0", "a", DeviceReport.Cuda, "GPU", 80L << 30)]);

    private static WorkItem Item(string run, int priority) => new($"{run}/pretrain", run, WorkerJob.Pretrain, run, default, priority, Policy: new WorkPolicy("ada"));
}
