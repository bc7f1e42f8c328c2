using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

public sealed class PlannerTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Plan_OneDeviceTwoRuns_OlderGoesFirstAndTheOtherKnowsWhy()
    {
        var plan = Plan([Gpu("a", 80)], Pretrain("young", Noon.AddMinutes(1)), Pretrain("old", Noon));

        Assert.Equal([("old", "a/gpu0")], plan.Assignments);
        Assert.Equal("waits for a free device: next in the queue", plan.Waits["young"].Text);
    }

    [Fact]
    public void Plan_HigherPriority_GoesBeforeOlder() =>
        Assert.Equal([("urgent", "a/gpu0")], Plan([Gpu("a", 80)], Pretrain("old", Noon), Pretrain("urgent", Noon.AddHours(1)) with { Priority = 1 }).Assignments);

    [Fact]
    public void Plan_SeveralDevices_LargestGpuFirstAndNoDeviceTwice()
    {
        var plan = Plan(
            [new("a/cpu", "a", DeviceReport.Cpu, 999), Gpu("b", 24), Gpu("c", 80)],
            Pretrain("1", Noon), Pretrain("2", Noon.AddMinutes(1)), Pretrain("3", Noon.AddMinutes(2)));

        Assert.Equal([("1", "c/gpu0"), ("2", "b/gpu0"), ("3", "a/cpu")], plan.Assignments);
    }

    [Fact]
    public void Plan_HeldOrUnusableDevice_GetsNothing()
    {
        var plan = Plan([Held(Gpu("a", 80)), Gpu("b", 80) with { Unusable = "is lost" }], Pretrain("1", Noon));

        Assert.Empty(plan.Assignments);
    }

    [Fact]
    public void Plan_DataOnOneMachine_WaitsForThatMachineAndHoldsUpNobody()
    {
        var plan = Plan(
            [Held(Gpu("a", 80)), Gpu("b", 80)],
            Pretrain("bound", Noon) with { RequiredMachine = "a" }, Pretrain("free", Noon.AddHours(1)));

        Assert.Equal([("free", "b/gpu0")], plan.Assignments);
        Assert.Contains("on a, which has its data", plan.Waits["bound"].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_PreferredDeviceFree_ReturnsThere() =>
        Assert.Equal([("1", "b/gpu0")], Plan([Gpu("a", 80), Gpu("b", 24)], Pretrain("1", Noon) with { PreferredDevice = "b/gpu0" }).Assignments);

    [Fact]
    public void Plan_NoDevices_SaysSo() => Assert.Equal("no device has reported yet", Plan([], Pretrain("1", Noon)).Waits["1"].Text);

    [Fact]
    public void Plan_CorpusAndPretraining_TakeDifferentPlaces()
    {
        var plan = Plan(
            [Gpu("a", 80), new("a/data", "a", DeviceReport.Data, 0)],
            new WorkItem("corpus", null, WorkerJob.PrepareCorpus, "o", Noon), Pretrain("1", Noon));

        Assert.Equal([("1", "a/gpu0"), ("corpus", "a/data")], plan.Assignments.Order());
    }

    [Fact]
    public void Plan_ListsInAnyOrder_SamePlan()
    {
        PlannerDevice[] devices = [Gpu("a", 80), Gpu("b", 80), Gpu("c", 24)];
        WorkItem[] items = [.. Enumerable.Range(0, 5).Select(i => Pretrain($"r{i}", Noon.AddMinutes(i % 2)))];

        var forwards = Planner.Plan(new SchedulerSnapshot(devices, items));
        var backwards = Planner.Plan(new SchedulerSnapshot([.. devices.Reverse()], [.. items.Reverse()]));

        Assert.Equal(forwards.Assignments, backwards.Assignments);
    }

    private static PlannerDevice Gpu(string machine, long memory) => new($"{machine}/gpu0", machine, DeviceReport.Cuda, memory << 30);

    private static PlannerDevice Held(PlannerDevice device) => device with { Lease = new PlannerLease(Pretrain("other", Noon), Noon) };

    private static WorkItem Pretrain(string id, DateTimeOffset orderedAt) => new(id, id, WorkerJob.Pretrain, "owner", orderedAt);

    private static SchedulerPlan Plan(PlannerDevice[] devices, params WorkItem[] items) => Planner.Plan(new SchedulerSnapshot(devices, items) { Now = Noon });
}
