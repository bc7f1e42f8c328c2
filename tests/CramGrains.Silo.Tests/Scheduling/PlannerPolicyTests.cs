using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>Fair share, needs, holds, preemption and estimates.</summary>
public sealed class PlannerPolicyTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Plan_UserWhoHasUsedMore_GoesBehindYoungerRunsOfOthers()
    {
        SchedulerPlan plan = Plan([Gpu("a")], [Run("old", Noon, user: "ada"), Run("young", Noon.AddHours(1), user: "bob")], used: new() { ["ada"] = 30, ["bob"] = 2 });

        Assert.Equal([("young", "a/gpu0")], plan.Assignments);
    }

    [Fact]
    public void Plan_UsageBelowOneDeviceHour_GoesByAge() =>
        Assert.Equal("old", Plan([Gpu("a")], [Run("old", Noon, user: "ada"), Run("young", Noon.AddHours(1), user: "bob")], used: new() { ["ada"] = 0.9 }).Assignments[0].ItemId);

    [Fact]
    public void Plan_TwoUsersWithManyRuns_TakeTurnsByDeviceHours()
    {
        WorkItem[] items = [.. Enumerable.Range(0, 4).Select(i => Run($"a{i}", Noon.AddMinutes(i), user: "ada")), Run("b0", Noon.AddHours(1), user: "bob")];

        Assert.Equal(["a0", "b0", "a1", "a2", "a3"], FairOrder.Of(items, new Dictionary<string, double>()).Select(i => i.ItemId));
    }

    [Fact]
    public void Plan_HigherPriority_StandsAboveFairShare() =>
        Assert.Equal("urgent", Plan([Gpu("a")], [Run("fair", Noon, user: "bob"), Run("urgent", Noon, user: "ada", priority: 1)], used: new() { ["ada"] = 1000 }).Assignments[0].ItemId);

    [Fact]
    public void Plan_NeedsMoreMemoryThanTheFirstGpuHas_TakesOneThatFits() =>
        Assert.Equal([("big", "b/gpu0")], Plan([Gpu("a", 24), Gpu("b", 80)], [Run("big", Noon) with { Policy = Needs(48) }]).Assignments);

    [Fact]
    public void Plan_NoGpuFits_SaysWhatIsNeededAndWhatThereIs()
    {
        Wait wait = Plan([Gpu("a", 24), Gpu("b", 48)], [Run("big", Noon) with { Policy = Needs(80, 90) }]).Waits["big"];

        Assert.Equal((WaitReason.NoneFits, null), (wait.Reason, wait.Start));
        Assert.Contains("it needs a GPU with 80 GiB of compute capability 9.0", wait.Text, StringComparison.Ordinal);
        Assert.Contains("b/gpu0, has 48 GiB and compute capability 8.0", wait.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_NeedsAGpu_DoesNotTakeTheCpu()
    {
        SchedulerPlan plan = Plan([new PlannerDevice("a/cpu", "a", DeviceReport.Cpu, 64L << 30)], [Run("1", Noon) with { Policy = Needs(1) }, Run("2", Noon.AddHours(1))]);

        Assert.Equal([("2", "a/cpu")], plan.Assignments);
        Assert.EndsWith("the largest, a/cpu, is a CPU", plan.Waits["1"].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_Held_WaitsWithoutEstimateAndHoldsUpNobody()
    {
        SchedulerPlan plan = Plan([Gpu("a")], [Run("held", Noon) with { Policy = new WorkPolicy("ada", HeldBy: "bob") }, Run("next", Noon.AddHours(1))]);

        Assert.Equal([("next", "a/gpu0")], plan.Assignments);
        Assert.Equal(("held by bob until it is released", null), (plan.Waits["held"].Text, plan.Waits["held"].Start));
    }

    [Fact]
    public void Plan_HigherPriorityWaits_LowestThatHasHadItsTimeGivesWay()
    {
        SchedulerPlan plan = Plan(
            [Gpu("a", lease: Lease("low", 0, hours: 5)), Gpu("b", lease: Lease("lower", -1, hours: 5)), Gpu("c", lease: Lease("fresh", -2, hours: 0.1))],
            [Run("urgent", Noon, priority: 1)]);

        Assert.Equal([new Preemption("lower", "b/gpu0", "urgent")], plan.Preemptions);
        Assert.Empty(plan.Assignments);
        Assert.Contains("waits for lower, which has lower priority", plan.Waits["urgent"].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_EqualPriority_PreemptsNobody() =>
        Assert.Empty(Plan([Gpu("a", lease: Lease("first", 1, hours: 50))], [Run("second", Noon, priority: 1)]).Preemptions);

    [Fact]
    public void Plan_HolderWithinItsGuaranteedTime_WaitsUntilThen()
    {
        Wait wait = Plan([Gpu("a", lease: Lease("low", 0, hours: 0.25))], [Run("urgent", Noon, priority: 1)]).Waits["urgent"];

        Assert.Equal((WaitReason.Guaranteed, Noon.AddMinutes(45)), (wait.Reason, wait.Start!.Value));
    }

    [Fact]
    public void Plan_HolderAlreadyTold_NobodyElseIsPreempted()
    {
        PlannerDevice leaving = Gpu("a", lease: Lease("low", 0, hours: 5) with { Leaving = true, LeavesFor = "urgent" });

        SchedulerPlan plan = Plan([leaving, Gpu("b", lease: Lease("low2", 0, hours: 5))], [Run("urgent", Noon, priority: 1)]);

        Assert.Empty(plan.Preemptions);
        Assert.Equal(WaitReason.GivingWay, plan.Waits["urgent"].Reason);
    }

    [Theory]
    [InlineData(nameof(RequeuePolicy.Never), nameof(WorkerJob.Pretrain))]
    [InlineData(nameof(RequeuePolicy.Any), nameof(WorkerJob.FineTune))]
    public void Plan_HolderThatCannotGoOnElsewhere_IsNotPreempted(string policy, string job)
    {
        PlannerLease lease = Lease("low", 0, hours: 5);
        lease = lease with { Item = lease.Item with { Job = Enum.Parse<WorkerJob>(job), Policy = new WorkPolicy("ada", Requeue: Enum.Parse<RequeuePolicy>(policy)) } };

        Assert.Empty(Plan([Gpu("a", lease: lease)], [Run("urgent", Noon, priority: 1)]).Preemptions);
    }

    [Fact]
    public void Plan_AllBusy_EstimatesFollowTheQueueOverAllDevices()
    {
        SchedulerPlan plan = Plan(
            [Gpu("a", lease: Lease("x", 0, hours: 23)), Gpu("b", lease: Lease("y", 0, hours: 20))],
            [Run("1", Noon), Run("2", Noon.AddMinutes(1)), Run("3", Noon.AddMinutes(2))]);

        Assert.Equal([Noon.AddHours(1), Noon.AddHours(4), Noon.AddHours(25)], new[] { "1", "2", "3" }.Select(id => plan.Waits[id].Start!.Value));
    }

    [Fact]
    public void Plan_MachineOfItsDataIsDrained_SaysWhichAndWhy()
    {
        SchedulerPlan plan = Plan([Gpu("a") with { Unusable = "is drained by eve: new fan" }, Gpu("b")], [Run("1", Noon) with { RequiredMachine = "a" }]);

        Assert.Equal("no device on a, which has its data can be used: a/gpu0 is drained by eve: new fan", plan.Waits["1"].Text);
    }

    private static PlannerDevice Gpu(string machine, long gibibytes = 80, PlannerLease? lease = null) =>
        new($"{machine}/gpu0", machine, DeviceReport.Cuda, gibibytes << 30, lease, Capability: 80);

    private static PlannerLease Lease(string run, int priority, double hours) => new(Run(run, Noon.AddDays(-1), priority: priority), Noon.AddHours(-hours));

    private static WorkItem Run(string id, DateTimeOffset orderedAt, string? user = null, int priority = 0) =>
        new(id, id, WorkerJob.Pretrain, "owner", orderedAt, priority, Policy: new WorkPolicy(user), ExpectedSeconds: 24 * 3600);

    private static WorkPolicy Needs(long gibibytes, int capability = 0) => new(NeedsGpu: true, MinMemoryBytes: gibibytes << 30, MinCapability: capability);

    private static SchedulerPlan Plan(PlannerDevice[] devices, WorkItem[] items, Dictionary<string, double>? used = null) =>
        Planner.Plan(new SchedulerSnapshot(devices, items) { Now = Noon, UsedHours = used ?? [], GuaranteedRun = TimeSpan.FromHours(1) });
}
