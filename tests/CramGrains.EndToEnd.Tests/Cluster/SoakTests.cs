using System.Diagnostics;
using System.Globalization;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Thirty short runs while something dies every ten seconds; <c>CRAM_SOAK=1</c> runs it, <c>CRAM_SOAK_SEED</c> replays one.</summary>
[Trait("Category", "EndToEnd"), Trait("Category", "Cluster"), Trait("Category", "Fault"), Trait("Category", "Slow")]
public sealed class SoakTests
{
    private static readonly TimeSpan FaultEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(45);

    [Fact]
    public async Task ThirtyRuns_AFaultEveryTenSeconds_AllEndWithTheirBudgets()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("CRAM_SOAK") == "1", "takes a quarter of an hour; CRAM_SOAK=1 runs it");
        int seed = int.TryParse(Environment.GetEnvironmentVariable("CRAM_SOAK_SEED"), CultureInfo.InvariantCulture, out int given) ? given : Random.Shared.Next(1, 1_000_000);
        int runs = int.TryParse(Environment.GetEnvironmentVariable("CRAM_SOAK_RUNS"), CultureInfo.InvariantCulture, out int count) ? count : 30;
        Say($"seed {seed}, {runs} runs");
        var random = new Random(seed);
        const double budget = 8;
        await using var lab = await Lab.StartAsync(lease: 10);
        string corpus = SampleText.Write(lab.Folder, 200_000);
        var submitted = new List<string>();
        for (int i = 0; i < runs; i++)
        {
            // On a slow machine an attempt at eight seconds of training may live through many faults; giving up is not what is tested.
            submitted.Add(await lab.SubmitAsync(budget, $"soak-{seed}-{i:00}", corpus: corpus, maxAttempts: 1000));
        }

        var started = Stopwatch.GetTimestamp();
        var open = new HashSet<string>(submitted);
        while (open.Count > 0)
        {
            Assert.True(Lab.Since(started) < Limit, $"seed {seed}: {open.Count} runs have not ended after {Limit}: {string.Join(", ", open.Take(5))}");
            await Task.Delay(FaultEvery, TestContext.Current.CancellationToken);
            await FaultAsync(lab, random);
            StartWhatHasEnded(lab);
            foreach (string run in open.ToList())
            {
                if (await lab.TryShowAsync(run) is not { } view)
                {
                    break; // whoever was asked has just died
                }

                if (view.EndedAt is not null)
                {
                    await lab.SucceedsAsync(run, budget);
                    open.Remove(run);
                }
            }

            Say($"{Lab.Seconds(Lab.Since(started))}: {runs - open.Count} of {runs} ended");
        }

        await Eventually.TrueAsync(() => !lab.Silos.SelectMany(silo => silo.Workers()).Any(), () => "no worker is left", Lab.Patience);
    }

    /// <summary>What a service manager does: a silo that found itself voted dead, or did not reach the store when it started, is started again.</summary>
    private static void StartWhatHasEnded(Lab lab)
    {
        foreach (var silo in lab.Silos.Where(silo => !silo.IsAlive))
        {
            Say($"{silo.Machine} had ended; it is started again");
            silo.Start();
        }
    }

    /// <summary>One thing goes wrong, chosen by the seed; what died is started again at once, as a service manager would.</summary>
    private static async Task FaultAsync(Lab lab, Random random)
    {
        var silo = lab.Silos[random.Next(lab.Silos.Count)];
        int what = random.Next(10);
        Say($"fault {what} on {silo.Machine}");
        switch (what)
        {
            case < 4:
                if (silo.Workers() is [var worker, ..])
                {
                    Signals.SendIfAlive(worker.ProcessId, Signals.Kill);
                }

                break;
            case < 8:
                await silo.KillAsync();
                silo.Start();
                break;
            case 8:
                await silo.StopAsync();
                silo.Start();
                break;
            default:
                await lab.Redis.RestartAsync(withData: true);
                break;
        }

        await lab.ReconnectAsync();
        StartWhatHasEnded(lab);
        await Eventually.TrueAsync(() => lab.Silos.Any(other => other.IsAlive && other.Description is not null), () => "some silo is up", Lab.Patience);
    }

    private static void Say(string text) => TestContext.Current.TestOutputHelper!.WriteLine(text);
}
