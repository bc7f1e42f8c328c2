using System.Diagnostics;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Commands;

/// <param name="Waiting">Runs in the queue.</param>
/// <param name="Devices">Devices, of four kinds, three quarters of them taken.</param>
/// <param name="PlanBestMs">The quickest plan: what it takes when nobody else wants the processor.</param>
/// <param name="PlanMedianMs">Median of one plan.</param>
/// <param name="PlanP99Ms">99th percentile.</param>
/// <param name="Assigned">Runs that got a device.</param>
internal sealed record PlanningFigures(int Waiting, int Devices, double PlanBestMs, double PlanMedianMs, double PlanP99Ms, int Assigned);

/// <summary>Times one plan over a large queue: 20 users, priorities, needs, data bound to machines, leases.</summary>
internal static class PlanningBenchmark
{
    private const int WarmUp = 150; // the runtime compiles what is used often once more, in the background
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static PlanningFigures Measure(int waiting, int devices, int samples)
    {
        SchedulerSnapshot snapshot = Make(waiting, devices);
        int assigned = 0;
        var times = new List<double>(samples);
        for (int i = -WarmUp; i < samples; i++)
        {
            long started = Stopwatch.GetTimestamp();
            assigned = Planner.Plan(snapshot).Assignments.Count;
            if (i >= 0)
            {
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
        }

        times.Sort();
        return new PlanningFigures(waiting, devices, times[0], times[samples / 2], times[samples * 99 / 100], assigned);
    }

    private static SchedulerSnapshot Make(int waiting, int devices)
    {
        var random = new Random(7);
        long[] memory = [24L << 30, 48L << 30, 80L << 30, 141L << 30];
        PlannerDevice[] all = [.. Enumerable.Range(0, devices).Select(d => new PlannerDevice(
            $"m{d / 4}/gpu{d % 4}", $"m{d / 4}", DeviceReport.Cuda, memory[d % 4],
            d % 4 == 3 ? null : new PlannerLease(Item($"held{d}", random), Noon.AddHours(-random.NextDouble() * 20)), null, 80 + (d % 4)))];
        WorkItem[] items = [.. Enumerable.Range(0, waiting).Select(i => Item($"r{i}", random) with { RequiredMachine = random.Next(10) == 0 ? $"m{random.Next(Math.Max(1, devices / 4))}" : null })];
        return new SchedulerSnapshot(all, items)
        {
            Now = Noon,
            GuaranteedRun = TimeSpan.FromMinutes(30),
            UsedHours = Enumerable.Range(0, 20).ToDictionary(u => $"u{u}", _ => random.NextDouble() * 100),
        };
    }

    private static WorkItem Item(string id, Random random) => new(
        id, id, WorkerJob.Pretrain, "owner", Noon.AddSeconds(-random.Next(1_000_000)), random.Next(3),
        Policy: new WorkPolicy($"u{random.Next(20)}", MinMemoryBytes: random.Next(4) == 0 ? 40L << 30 : 0), ExpectedSeconds: 24 * 3600);
}
