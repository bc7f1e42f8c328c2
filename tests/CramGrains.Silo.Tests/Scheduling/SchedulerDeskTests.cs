using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Time.Testing;
using Orleans.Storage;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>The desk over a store whose writes end when the test says so: calls share writes, and nothing is told before it is durable.</summary>
public sealed class SchedulerDeskTests : ISchedulerEffects
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly SchedulerRecord _state = new();
    private readonly List<(string What, TaskCompletionSource Done)> _writes = [];
    private readonly List<string> _told = [];
    private readonly SchedulerDesk _desk;

    public SchedulerDeskTests()
    {
        var clock = new SiloClock(new FakeTimeProvider(Noon));
        var ended = new EndedHistory([], (page, _) => WriteAsync(EndedHistory.NameOf(page)));
        _desk = new SchedulerDesk(_state, () => WriteAsync("scheduler"), ended, this, new SchedulingOptions { SettleSeconds = 0 }, TimeSpan.FromSeconds(30), clock);
    }

    [Fact]
    public void EnrollAsync_ManyDuringAWrite_ShareTheNextOne()
    {
        Task[] calls = [.. Enumerable.Range(0, 100).Select(i => _desk.EnrollAsync($"r{i}", Noon, 0))];
        Assert.Single(_writes);

        _writes[0].Done.SetResult();
        Assert.Single(calls, c => c.IsCompleted);

        _writes[1].Done.SetResult();
        Assert.All(calls, c => Assert.True(c.IsCompletedSuccessfully));
        Assert.Equal(2, _writes.Count);
        Assert.Equal(100, _state.ActiveRuns.Count);
    }

    [Fact]
    public void EnrollAsync_SameRunAgainDuringItsWrite_IsNotAnsweredBeforeIt()
    {
        Task first = _desk.EnrollAsync("r0", Noon, 0), again = _desk.EnrollAsync("r0", Noon, 0);
        Assert.False(again.IsCompleted);

        _writes[0].Done.SetResult();
        Assert.True(first.IsCompletedSuccessfully && again.IsCompletedSuccessfully);
        Assert.Single(_writes);
    }

    [Fact]
    public async Task EnrollAsync_Conflict_EveryoneWhoWaitsGetsTheFailure()
    {
        Task[] calls = [.. Enumerable.Range(0, 10).Select(i => _desk.EnrollAsync($"r{i}", Noon, 0))];
        _writes[0].Done.SetException(new InconsistentStateException("overtaken"));

        foreach (Task call in (Task[])[.. calls, _desk.EnrollAsync("r0", Noon, 0), _desk.EnrollAsync("new", Noon, 0), _desk.ReleaseAsync("x", 0)])
        {
            await Assert.ThrowsAsync<InconsistentStateException>(() => call);
        }

        Assert.Single(_writes);
    }

    [Fact]
    public async Task RequestAsync_GrantDuringAWrite_IsToldToNobodyBeforeItIsDurable()
    {
        await EnrolledAsync("r0", "r1");
        Task report = ReportAsync();
        Task<WorkTicket> first = _desk.RequestAsync(Item("r0"));
        Task<WorkTicket> again = _desk.RequestAsync(Item("r0")), other = _desk.RequestAsync(Item("r1"));
        Assert.DoesNotContain((Task[])[report, first, again, other], t => t.IsCompleted); // the report's write is under way

        Finish();
        Assert.True(report.IsCompletedSuccessfully);
        Assert.DoesNotContain((Task[])[first, again, other], t => t.IsCompleted); // the grant's is now

        Finish();
        Assert.Equal((("a/gpu0", 1L), ("a/gpu0", 1L)), (Place(await first), Place(await again)));
        Assert.Null((await other).DeviceId);
    }

    /// <summary>Work that somebody holds back beside a free device is nobody's mistake, and no alarm.</summary>
    [Fact]
    public async Task Waiting_WorkThatIsHeld_IsNotCounted()
    {
        await EnrolledAsync("r0", "r1", "r2");
        WorkItem held = Item("r0") with { Policy = new WorkPolicy(HeldBy: "ada") };
        await _desk.RequestAsync(held);
        Assert.Equal(0, _desk.Waiting);

        await _desk.RequestAsync(Item("r1"));
        Assert.Equal(1, _desk.Waiting);

        await _desk.RequestAsync(held with { Policy = new WorkPolicy() });
        Assert.Equal(2, _desk.Waiting);
    }

    [Fact]
    public async Task RequestAsync_WriteOfItsGrantFails_IsNotAnswered()
    {
        await EnrolledAsync("r0");
        Task report = ReportAsync();
        Finish();
        await report;
        Task<WorkTicket> asked = _desk.RequestAsync(Item("r0")), again = _desk.RequestAsync(Item("r0"));
        _writes[^1].Done.SetException(new IOException("no space left on device"));

        await Assert.ThrowsAsync<IOException>(() => asked);
        await Assert.ThrowsAsync<IOException>(() => again);
        Assert.Empty(_told);
    }

    [Fact]
    public async Task RunEndedAsync_IsWrittenToTheEndedOnesFirst_AndStaysActiveUntilThen()
    {
        await EnrolledAsync("r0", "r1");
        Task ended = _desk.RunEndedAsync("r0", 0), again = _desk.RunEndedAsync("r0", 0);
        Assert.Equal("ended-runs", _writes[^1].What);
        Assert.Contains("r0", _state.ActiveRuns.Keys);

        Task enrolled = _desk.EnrollAsync("r2", Noon, 0); // another write of the record, meanwhile: it must still name the run
        Assert.Equal("scheduler", _writes[^1].What);
        Finish();
        await enrolled;
        Assert.False(ended.IsCompleted || again.IsCompleted);

        _writes.Single(w => w.What == "ended-runs").Done.SetResult();
        Assert.DoesNotContain("r0", _state.ActiveRuns.Keys);
        Assert.False(ended.IsCompleted || again.IsCompleted);

        Finish();
        Assert.True(ended.IsCompletedSuccessfully && again.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task RunEndedAsync_NextLifeBeginsMeanwhile_TheRunStaysActive()
    {
        await EnrolledAsync("r0");
        Task ended = _desk.RunEndedAsync("r0", 0);
        Task revived = _desk.EnrollAsync("r0", Noon, 1);
        _writes.ForEach(w => w.Done.TrySetResult());

        await revived;
        await ended;
        Assert.Equal(1, _state.Lives["r0"]);
        Assert.Contains("r0", _state.ActiveRuns.Keys);
    }

    [Fact]
    public async Task CommandDevicesAsync_SentAgainDuringItsWrite_IsNotAnsweredBeforeIt()
    {
        Task report = ReportAsync();
        Finish();
        await report;
        var order = new DeviceCommand("c1", "a", DeviceCommandKind.Cordon, "eve", null);
        Task<CommandOutcome> first = _desk.CommandDevicesAsync(order), again = _desk.CommandDevicesAsync(order);
        Assert.False(first.IsCompleted || again.IsCompleted);

        Finish();
        Assert.Equal(await first, await again);
        Assert.Single(_state.Commands);
    }

    [Fact]
    public async Task RequestAsync_PlansTakeLong_WhoJoinsWaitsForTheNextOne()
    {
        var time = new SlowTime();
        SchedulerDesk desk = new(
            _state, () => Task.CompletedTask, new EndedHistory([], (_, _) => Task.CompletedTask), this, new SchedulingOptions { SettleSeconds = 0, ReplanSeconds = 600 },
            TimeSpan.FromSeconds(30), new SiloClock(time));
        await desk.EnrollAsync("r0", Noon, 0);
        await desk.EnrollAsync("r1", Noon, 0);
        await desk.ReportDevicesAsync("a", []);
        await desk.RequestAsync(Item("r0")); // planned, which took a while

        Assert.Equal("has just joined the queue", (await desk.RequestAsync(Item("r1"))).Reason);
        time.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal("no device has reported yet", (await desk.RequestAsync(Item("r1"))).Reason);
    }

    void ISchedulerEffects.Wake(string owner) => _told.Add($"wake {owner}");

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) => _told.Add($"evict {deviceId}");

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) => _told.Add($"audit {owner}");

    private static (string?, long) Place(WorkTicket ticket) => (ticket.DeviceId, ticket.LeaseEpoch);

    private static WorkItem Item(string run) => new($"{run}/pretrain", run, WorkerJob.Pretrain, run, Noon);

    private Task ReportAsync() => _desk.ReportDevicesAsync("a", [new DeviceReport("a/gpu0", "a", DeviceReport.Cuda, "GPU", 80L << 30)]);

    private async Task EnrolledAsync(params string[] runs)
    {
        Task[] calls = [.. runs.Select(r => _desk.EnrollAsync(r, Noon, 0))];
        for (int i = 0; i < _writes.Count; i++)
        {
            _writes[i].Done.TrySetResult();
        }

        await Task.WhenAll(calls);
    }

    private void Finish() => _writes[^1].Done.SetResult();

    private Task WriteAsync(string what)
    {
        _writes.Add((what, new TaskCompletionSource()));
        return _writes[^1].Done.Task;
    }

    /// <summary>Each look at the clock takes ten milliseconds.</summary>
    private sealed class SlowTime : TimeProvider
    {
        private long _ticks = Noon.UtcTicks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => new(_ticks, TimeSpan.Zero);

        public override long GetTimestamp() => _ticks += TimeSpan.TicksPerMillisecond * 10;

        public void Pass(TimeSpan time) => _ticks += time.Ticks;
    }
}
