using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Tests.Hosting;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>A machine that has left the lab for good, and an operator who says so.</summary>
public sealed class ForgetMachineTests : ISchedulerEffects
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(30), TooLong = LostAfter + TimeSpan.FromSeconds(1);
    private readonly SetClock _time = new();
    private readonly List<(string ItemId, long Epoch, long Version)> _audits = [];
    private SchedulerRecord _state = new();
    private SchedulerDesk _desk;
    private int _writes;

    public ForgetMachineTests() => _desk = Start();

    [Fact]
    public async Task Forget_MachineThatIsLost_IsGoneWithItsOrdersInOneWrite()
    {
        await ReportAsync("a");
        await ReportAsync("b");
        await _desk.CommandDevicesAsync(new DeviceCommand("c0", "b", DeviceCommandKind.DrainAfterCurrent, "eve", null));
        _time.Pass(TooLong);
        await ReportAsync("a");
        int before = _writes;

        CommandOutcome outcome = await ForgetAsync("b");

        Assert.Equal(new CommandOutcome(true, "b is forgotten, with what was ordered for it; a silo of that name registers it again"), outcome);
        Assert.Equal("a/gpu0", Assert.Single(_desk.Views()).DeviceId);
        Assert.Equal(["a/data", "a/gpu0"], _state.Devices.Keys.Order(StringComparer.Ordinal));
        Assert.Empty(_state.DeviceOrders);
        Assert.Equal(1, _writes - before);
    }

    [Fact]
    public async Task Forget_SameCommandAfterTheMachineHasComeBack_ChangesNothing()
    {
        await ReportAsync("a");
        _time.Pass(TooLong);
        CommandOutcome first = await ForgetAsync("a", "c1");
        await ReportAsync("a");
        _time.Pass(TooLong);

        CommandOutcome again = await ForgetAsync("a", "c1");

        Assert.Equal(first, again);
        Assert.Single(_desk.Views());
    }

    [Fact]
    public async Task Forget_MachineThatReports_IsRefusedForGood()
    {
        await ReportAsync("a");
        _time.Pass(TimeSpan.FromSeconds(7));

        CommandOutcome outcome = await ForgetAsync("a", "c1");
        _time.Pass(TooLong);
        CommandOutcome late = await ForgetAsync("a", "c1");

        Assert.Equal((false, "a is alive: it reported 7 s ago. Stop its silo first; a machine counts as gone after 30 s of silence."), (outcome.Accepted, outcome.Message));
        Assert.Equal(outcome, late);
        Assert.Single(_desk.Views());
    }

    /// <summary>After a quiet night the last write, which is all that a new scheduler knows of, may be hours old though everybody reports.</summary>
    [Fact]
    public async Task Forget_SchedulerHasJustStarted_ListensFirst()
    {
        await ReportAsync("a");
        _time.Pass(TimeSpan.FromHours(9));
        _desk = Start();
        _time.Pass(TimeSpan.FromSeconds(4));
        Assert.Equal(DeviceState.Lost, Assert.Single(_desk.Views()).State);

        CommandOutcome outcome = await ForgetAsync("a", "c1");

        Assert.Equal((false, "the scheduler has just started and may not have heard of a yet. Ask again in 27 s."), (outcome.Accepted, outcome.Message));
        _time.Pass(TimeSpan.FromSeconds(27));
        Assert.True((await ForgetAsync("a", "c2")).Accepted);
    }

    [Fact]
    public async Task Forget_LeaseOnItsDevice_IsRefusedUntilTheRunHasGoneOn()
    {
        await ReportAsync("a");
        await _desk.EnrollAsync("r0", Noon, 0);
        WorkTicket ticket = await _desk.RequestAsync(Item);
        _time.Pass(TooLong);

        CommandOutcome outcome = await ForgetAsync("a", "c1");

        Assert.False(outcome.Accepted);
        Assert.StartsWith("the lease of r0/pretrain on a/gpu0 may still be live.", outcome.Message, StringComparison.Ordinal);
        Assert.Equal("a/gpu0", Assert.Single(_desk.Views()).DeviceId);
        await _desk.ReleaseAsync("r0/pretrain", ticket.LeaseEpoch);
        Assert.True((await ForgetAsync("a", "c2")).Accepted);
        await ReportAsync("b");
        Assert.Equal(("b/gpu0", 2L), ((await _desk.RequestAsync(Item)) is var next ? (next.DeviceId!, next.LeaseEpoch) : default));
    }

    /// <summary>Its owner has changed its mind, and the machine that would have it asked after is gone: it must not stand in the way for ever.</summary>
    [Fact]
    public async Task ReportDevices_LeaseThatNobodyHoldsOnALostMachine_IsAskedAfter()
    {
        await ReportAsync("a");
        await _desk.EnrollAsync("r0", Noon, 0);
        await _desk.RequestAsync(Item);
        _time.Pass(TimeSpan.FromMinutes(2));

        await ReportAsync("b");

        (string itemId, long epoch, long version) = Assert.Single(_audits);
        Assert.True(await _desk.AuditedAsync(itemId, epoch, version, held: false));
        Assert.True((await ForgetAsync("a")).Accepted);
    }

    [Fact]
    public async Task Forget_OneDevice_SaysThatItTakesAMachine()
    {
        await ReportAsync("a");
        _time.Pass(TooLong);

        CommandOutcome outcome = await ForgetAsync("a/gpu0");

        Assert.Equal((false, "a/gpu0 is one device; only a machine with all that it has can be forgotten: `cram forget a`."), (outcome.Accepted, outcome.Message));
        Assert.Single(_desk.Views());
    }

    [Fact]
    public async Task Forget_MachineThatComesBack_IsThereAsIfNew()
    {
        await ReportAsync("a");
        await _desk.CommandDevicesAsync(new DeviceCommand("c0", "a/gpu0", DeviceCommandKind.Cordon, "eve", "broken fan"));
        _time.Pass(TooLong);
        await ForgetAsync("a");
        _desk = Start();

        await ReportAsync("a");

        Assert.Equal((DeviceState.Free, null), Assert.Single(_desk.Views()) is var view ? (view.State, view.OrderedBy) : default);
    }

    /// <summary>Sent by a client that is newer than this silo.</summary>
    [Fact]
    public async Task Command_OfAnUnknownKind_IsRefusedAndOrdersNothing()
    {
        await ReportAsync("a");

        CommandOutcome outcome = await _desk.CommandDevicesAsync(new DeviceCommand("c1", "a", (DeviceCommandKind)99, "eve", null));

        Assert.Equal((false, "this silo does not know command 99; it is older than the client"), (outcome.Accepted, outcome.Message));
        Assert.Empty(_state.DeviceOrders);
    }

    void ISchedulerEffects.Wake(string owner) { }

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) { }

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) => _audits.Add((itemId, epoch, version));

    private static WorkItem Item => new("r0/pretrain", "r0", WorkerJob.Pretrain, "r0", Noon);

    private Task<CommandOutcome> ForgetAsync(string target, string id = "c-forget") => _desk.CommandDevicesAsync(new DeviceCommand(id, target, DeviceCommandKind.Forget, "eve", null));

    private Task ReportAsync(string machine) => _desk.ReportDevicesAsync(
        machine, [new DeviceReport($"{machine}/gpu0", machine, DeviceReport.Cuda, "GPU", 80L << 30), new DeviceReport($"{machine}/data", machine, DeviceReport.Data, "data", 0)]);

    /// <summary>A scheduler that knows what is stored.</summary>
    private SchedulerDesk Start()
    {
        var store = new StateSerializer();
        _state = store.Deserialize<SchedulerRecord>(store.Serialize(_state));
        return new SchedulerDesk(_state, WriteAsync, new EndedHistory([], (_, _) => Task.CompletedTask), this, new SchedulingOptions { SettleSeconds = 0 }, LostAfter, new SiloClock(_time));
    }

    private Task WriteAsync()
    {
        _writes++;
        return Task.CompletedTask;
    }
}
