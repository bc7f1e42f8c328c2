using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>The planner against <see cref="PlainPlanner"/> on thousands of random labs: its indexes must not change one line of a plan.</summary>
public sealed class PlannerParityTests
{
    private const int Labs = 4000;
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Plan_RandomLabs_IsThePlainPlannersPlan()
    {
        var seen = new HashSet<WaitReason>();
        int preemptions = 0, assignments = 0;
        for (int seed = 0; seed < Labs; seed++)
        {
            SchedulerSnapshot snapshot = Lab(new Random(seed));
            SchedulerPlan plain = PlainPlanner.Plan(snapshot), plan = Planner.Plan(snapshot);

            Assert.True(plain.Assignments.SequenceEqual(plan.Assignments), $"lab {seed}: expected {Text(plain)}\ngot {Text(plan)}");
            Assert.True(plain.Preemptions.SequenceEqual(plan.Preemptions), $"lab {seed}: expected {Text(plain)}\ngot {Text(plan)}");
            Assert.Equal(plain.Waits.Keys.Order(), plan.Waits.Keys.Order());
            foreach ((string id, Wait expected) in plain.Waits)
            {
                Wait got = plan.Waits[id];
                bool same = (expected.Reason, expected.Ahead, expected.Start) == (got.Reason, got.Ahead, got.Start)
                    && (expected.Reason is WaitReason.NoneUsable or WaitReason.NoneFits || expected.Detail == got.Detail);
                Assert.True(same, $"lab {seed}, {id}: expected {expected}\ngot {got}");
                seen.Add(got.Reason);
            }

            (preemptions, assignments) = (preemptions + plan.Preemptions.Count, assignments + plan.Assignments.Count);
        }

        Assert.Equal(Enum.GetValues<WaitReason>().Where(r => r is not (WaitReason.Settling or WaitReason.Joined)), seen.Order()); // the labs show all there is
        Assert.True(preemptions > Labs / 10 && assignments > Labs, $"{preemptions} preemptions, {assignments} assignments");
    }

    private static SchedulerSnapshot Lab(Random random)
    {
        int machines = random.Next(5);
        List<PlannerDevice> devices = [];
        for (int m = 0; m < machines; m++)
        {
            for (int d = random.Next(4); d >= 0; d--)
            {
                string kind = random.Next(4) == 0 ? DeviceReport.Cpu : DeviceReport.Cuda;
                devices.Add(new PlannerDevice($"m{m}/{kind}{d}", $"m{m}", kind, random.Next(5) * (20L << 30), Lease($"h{m}.{d}", random), random.Next(6) == 0 ? "is drained" : null, random.Next(3) * 80));
            }

            if (random.Next(2) == 0)
            {
                devices.Add(new PlannerDevice($"m{m}/data", $"m{m}", DeviceReport.Data, 0, random.Next(3) == 0 ? Lease($"c{m}", random) : null));
            }
        }

        return new SchedulerSnapshot([.. devices.OrderBy(_ => random.Next())], [.. Enumerable.Range(0, random.Next(25)).Select(i => Item($"r{i}", random)).OrderBy(_ => random.Next())])
        {
            Now = Noon,
            GuaranteedRun = TimeSpan.FromMinutes(random.Next(3) * 30),
            UsedHours = new Dictionary<string, double> { ["ada"] = random.Next(4) * 12.5, ["bob"] = random.Next(2) * 40 },
        };
    }

    private static PlannerLease? Lease(string id, Random random)
    {
        bool leaving = random.Next(8) == 0;
        return random.Next(3) == 0 ? null
            : new PlannerLease(Item(id, random), Noon.AddMinutes(-random.Next(6) * 20), leaving, leaving && random.Next(2) == 0 ? $"r{random.Next(20)}" : null);
    }

    private static WorkItem Item(string id, Random random) => new(
        id, random.Next(10) == 0 ? null : id, (WorkerJob)(1 + random.Next(3)), "owner", Noon.AddMinutes(-random.Next(5)), random.Next(3),
        random.Next(3) == 0 ? $"m{random.Next(5)}" : null,
        random.Next(3) == 0 ? $"m{random.Next(5)}/cuda{random.Next(4)}" : null,
        random.Next(4) == 0 ? null : new WorkPolicy(
            random.Next(3) switch { 0 => "ada", 1 => "bob", _ => null }, random.Next(8) == 0 ? "eve" : null, random.Next(5) == 0 ? RequeuePolicy.Never : RequeuePolicy.Any,
            NeedsGpu: random.Next(3) == 0, MinMemoryBytes: random.Next(4) * (30L << 30), MinCapability: random.Next(3) * 70),
        random.Next(4) * 1800);

    private static string Text(SchedulerPlan plan) => $"{string.Join(' ', plan.Assignments)} | {string.Join(' ', plan.Preemptions)}";
}
