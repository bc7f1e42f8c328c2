using System.Diagnostics;
using CramGrains.EndToEnd.Tests.Harness;
using CramGrains.Interfaces.Runs;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Three silo processes and a Redis server; what a run goes through when one of them dies. The longer rows of the matrix are in <see cref="FaultMatrixTests"/>.</summary>
[Trait("Category", "EndToEnd"), Trait("Category", "Cluster"), Trait("Category", "Fault")]
public sealed class MachineFaultTests
{
    private const double LongBudget = 600; // cancelled at the end: how fast this machine is must not matter

    [Fact]
    public async Task Run_MachineLost_GoesOnElsewhereFromItsPublishedCheckpoint()
    {
        await using var lab = await Lab.StartAsync(lease: 15); // the start of a worker comes off it, and takes seconds on a busy machine
        var run = await lab.SubmitAsync(LongBudget);
        await lab.UntilPublishedAsync(run, copies: 2);
        var before = await lab.TrainingAsync(run);
        var lost = lab.MachineOf(before);

        // The machine is gone with all that ran on it, and does not come back. Its silo first: it would tell of its worker's death, and get the next attempt.
        int worker = lab.WorkerOf(run).ProcessId;
        await lost.KillAsync();
        Signals.Send(worker, Signals.Kill);
        var killed = Stopwatch.GetTimestamp();
        await lab.ReconnectAsync();
        await lab.UntilAsync(run, "answers again", _ => true);
        var answered = Lab.Since(killed);
        var after = await lab.UntilTrainsAsync(run, attempt: before.Attempts + 1);
        TestContext.Current.TestOutputHelper!.WriteLine($"it trains elsewhere {Lab.Seconds(Lab.Since(killed))} after its machine was lost");

        Assert.NotEqual(before.Device, after.Device);
        Assert.True(after.LeaseEpoch > before.LeaseEpoch);
        TestContext.Current.TestOutputHelper!.WriteLine($"it answers {Lab.Seconds(answered)} after that");
        Assert.True(Trained(after) == Trained(before) + 1, $"{after.Attempts} attempts, {before.Attempts} before the loss:\n{string.Join("\n", after.Notices)}");
        Assert.Contains((await lab.UntilAsync(run, "says where it went on from", view => view.Notices.Count > 1)).Notices, notice => notice.StartsWith("Went on from step-", StringComparison.Ordinal));
        await lab.CancelAsync(run);
    }

    /// <summary>Attempts without those whose lease ran out while a busy machine started their worker: the loss of a machine is not what they cost.</summary>
    private static int Trained(RunView view) => view.Attempts - view.Notices.Count(notice => notice.Contains("(lease-expired:", StringComparison.Ordinal));

    [Fact]
    public async Task Forget_MachineWhoseHomeIsGone_FreesItsName()
    {
        await using var lab = await Lab.StartAsync(machines: 2);
        await lab["m2"].KillAsync();
        await lab.ReconnectAsync();

        CramProcess? told = null;
        await Eventually.TrueAsync(async () => (told = await lab.CramAsync("forget", "m2")).ExitCode == 0, () => $"m2 is forgotten; it says: {told?.Output}{told?.Errors}", Lab.Patience);

        var anew = lab.Add("m2", Path.Combine(lab.Folder, "reinstalled"));
        await anew.StartAndWaitAsync();
        await lab.DevicesAsync(2);
    }

    [Fact]
    public async Task Run_ItsSiloAndOthersKilledAndBack_KeepsItsWorker()
    {
        await using var lab = await Lab.StartAsync(lease: 60);
        var run = await lab.SubmitAsync(LongBudget);
        var before = await lab.UntilTrainsAsync(run);
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
        TestContext.Current.TestOutputHelper!.WriteLine($"its worker is taken up {Lab.Seconds(Lab.Since(killed))} after its silo was killed");
        Assert.Equal(worker.ProcessId, lab.WorkerOf(run).ProcessId);

        Assert.Equal(1, (await lab.UntilAsync(run, "answers", _ => true)).Attempts);
        await lab.CancelAsync(run);
    }
}
