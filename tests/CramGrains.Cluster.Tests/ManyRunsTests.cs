using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;

namespace CramGrains.Cluster.Tests;

/// <summary>What a silo does with very many runs: takes them in at once, lists them by pages, and forgets in memory those that have ended.</summary>
[Trait("Category", "Cluster")]
public sealed class ManyRunsTests
{
    private const int Runs = 60;

    [Fact]
    public async Task Submit_ManyAtOnce_AllAreListedOnceByPagesAndAfterARestart()
    {
        await using Lab lab = await Lab.StartAsync(devices: "none");
        await SubmitHeldAsync(lab);
        await lab.Run("r-07").CancelAsync("ada");
        await Lab.UntilAsync(async () => !(await PagedAsync(lab, new RunQuery(25, UnfinishedOnly: true))).Contains("r-07"), () => "the cancelled run has ended");

        List<string> all = await PagedAsync(lab, new RunQuery(25));
        Assert.Equal(Runs, all.Count);
        Assert.Equal(Runs, all.Distinct().Count());
        Assert.Equal(Runs - 1, (await PagedAsync(lab, new RunQuery(25, UnfinishedOnly: true))).Count);
        Assert.Equal(["r-19", "r-18", "r-17", "r-16", "r-15", "r-14", "r-13", "r-12", "r-11", "r-10"], (await PagedAsync(lab, new RunQuery(3, IdPrefix: "r-1"))).OrderDescending());
        Assert.Contains("there is no run 'nobody'", (await lab.Scheduler.PageRunsAsync(new RunQuery(5, "nobody"))).Problem, StringComparison.Ordinal);

        await lab.RestartAsync();
        await Lab.UntilAsync(async () => (await PagedAsync(lab, new RunQuery(25))).SequenceEqual(all), () => "the same runs are listed in the same order");
    }

    [Fact]
    public async Task Run_HasEndedAndNobodyAsks_LeavesMemory()
    {
        await using Lab lab = await Lab.StartAsync(devices: "none");
        await SubmitHeldAsync(lab);
        Assert.True(await InMemoryAsync(lab) >= Runs, "runs that go on stay in memory");
        for (int i = 0; i < Runs - 1; i++)
        {
            await lab.Run($"r-{i:00}").CancelAsync("ada");
        }

        int left = Runs;
        await Lab.UntilAsync(
            async () =>
            {
                await lab.Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
                return (left = await InMemoryAsync(lab)) <= 1; // the one that goes on may stay; so strict a collection takes it too
            },
            () => $"all that have ended have left memory; {left} are in it");
        Assert.Equal(RunState.Cancelled, (await lab.Run("r-00").GetAsync())!.State); // and come back when asked
    }

    private static Task<IRunGrain[]> SubmitHeldAsync(Lab lab) =>
        Task.WhenAll(Enumerable.Range(0, Runs).Select(i => lab.SubmitAsync(Requests.Submit(lab, $"r-{i:00}") with { Hold = true })));

    private static async Task<int> InMemoryAsync(Lab lab) => (await lab.Grains.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics())
        .Where(s => s.GrainType.Contains("RunGrain", StringComparison.Ordinal)).Sum(s => s.ActivationCount);

    private static async Task<List<string>> PagedAsync(Lab lab, RunQuery query)
    {
        List<string> all = [];
        RunPage page;
        do
        {
            page = await lab.Scheduler.PageRunsAsync(query);
            Assert.InRange(page.Runs.Count, 0, query.Limit);
            all.AddRange(page.Runs.Select(run => run.RunId));
            query = query with { After = page.Next };
        }
        while (page.Next is not null);
        return all;
    }
}
