using System.Diagnostics;
using CramGrains.Interfaces.Runs;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Three silo processes and a Redis server; what a run goes through when one of them dies. The longer rows of the matrix are in <see cref="FaultMatrixTests"/>.</summary>
[Trait("Category", "EndToEnd"), Trait("Category", "Cluster"), Trait("Category", "Fault")]
public sealed class MachineFaultTests
{
    private static readonly TimeSpan AnswersElsewhere = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan TakenUp = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Run_MachineLost_GoesOnElsewhereFromItsPublishedCheckpoint()
    {
        const double budget = 14;
        await using var lab = await Lab.StartAsync(lease: 5);
        var run = await lab.SubmitAsync(budget);
        await lab.UntilTrainsAsync(run, beyond: 10);
        await lab.UntilPublishedAsync(run, copies: 2);
        var before = (await lab.TryShowAsync(run))!;
        var lost = lab.MachineOf(before);

        // The machine is gone with all that ran on it, and does not come back.
        Signals.Send(lab.WorkerOf(run).ProcessId, Signals.Kill);
        await lost.KillAsync();
        var killed = Stopwatch.GetTimestamp();
        await lab.ReconnectAsync();
        await lab.UntilAsync(run, "answers again", _ => true);
        var answered = Lab.Since(killed);
        var after = await lab.UntilTrainsAsync(run, attempt: 2);
        TestContext.Current.TestOutputHelper!.WriteLine($"run answers elsewhere after {Lab.Seconds(answered)}, trains elsewhere after {Lab.Seconds(Lab.Since(killed))}");

        Assert.NotEqual(before.Device, after.Device);
        Assert.True(after.LeaseEpoch > before.LeaseEpoch);
        Assert.True(answered <= AnswersElsewhere, $"The run answered after {answered}, expected {AnswersElsewhere}.");
        var report = await lab.SucceedsAsync(run, budget);
        Assert.Equal(2, report.Attempts);
        Assert.Contains(report.Notices, notice => notice.StartsWith("Went on from step-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_ItsSiloAndOthersKilledAndBack_KeepsItsWorker()
    {
        const double budget = 25;
        await using var lab = await Lab.StartAsync(lease: 30);
        var run = await lab.SubmitAsync(budget);
        var before = await lab.UntilTrainsAsync(run, beyond: 5);
        var worker = lab.WorkerOf(run);
        var home = lab.MachineOf(before);

        // A machine that has nothing to do with the run dies, again and again.
        var other = lab.Silos.First(silo => silo != home);
        for (int i = 0; i < 2; i++)
        {
            await other.KillAsync();
            await other.StartAndWaitAsync();
        }

        await lab.UntilTrainsAsync(run, beyond: before.Progress!.OptimizerSteps!.Value);
        Assert.Equal(worker.ProcessId, lab.WorkerOf(run).ProcessId);

        // Its own silo dies and is started again, as a service manager would.
        await home.KillAsync();
        var killed = Stopwatch.GetTimestamp();
        home.Start();
        await home.ReadyAsync();
        await Eventually.TrueAsync(() => home.ReadLog().Split("took up").Length > 1, () => $"{home.Machine} takes its worker up:\n{home.Tail()}", Lab.Patience);
        var takenUp = Lab.Since(killed);
        TestContext.Current.TestOutputHelper!.WriteLine($"worker taken up {Lab.Seconds(takenUp)} after its silo was killed");
        Assert.True(takenUp <= TakenUp, $"The worker was taken up after {takenUp}, expected {TakenUp}.");
        Assert.Equal(worker.ProcessId, lab.WorkerOf(run).ProcessId);

        var report = await lab.SucceedsAsync(run, budget);
        Assert.Equal(1, report.Attempts);
        Assert.Equal(RunState.Succeeded, report.State);
    }
}
