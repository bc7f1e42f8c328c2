using CramGrains.Interfaces.Runs;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>The rows of the fault matrix that take too long for every build; <c>tests/fault-matrix.sh</c> runs them.</summary>
[Trait("Category", "EndToEnd"), Trait("Category", "Cluster"), Trait("Category", "Fault"), Trait("Category", "Slow")]
public sealed partial class FaultMatrixTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Worker_Killed_IsFollowedByAnotherFromTheCheckpoint()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync();
        var run = await lab.SubmitAsync(25);
        await lab.UntilPublishedAsync(run, copies: 1);

        Signals.Send(lab.WorkerOf(run).ProcessId, Signals.Kill);

        await lab.UntilTrainsAsync(run, attempt: 2);
        var report = await lab.SucceedsAsync(run, 25, Long);
        Assert.Equal(2, report.Attempts);
        Assert.Contains(report.Notices, notice => notice.StartsWith("Went on from step-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Everything_KilledAtOnce_GoesOnWhenThePowerIsBack()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync();
        var run = await lab.SubmitAsync(25);
        await lab.UntilPublishedAsync(run, copies: 1);

        Signals.Send(lab.WorkerOf(run).ProcessId, Signals.Kill);
        await Task.WhenAll(lab.Silos.Select(silo => silo.KillAsync()).Append(lab.Redis.KillAsync()));
        await lab.ReconnectAsync();
        await lab.Redis.RunAsync();
        foreach (var silo in lab.Silos)
        {
            silo.Start();
        }

        await Task.WhenAll(lab.Silos.Select(silo => silo.ReadyAsync()));
        var report = await lab.SucceedsAsync(run, 25, Long);
        Assert.True(report.Attempts >= 2);
    }

    [Fact]
    public async Task Silo_StoppedForLongAndBack_PublishesNothingOfItsOldEpoch()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 6);
        var run = await lab.SubmitAsync(90);
        await lab.UntilPublishedAsync(run, copies: 2);
        var before = await lab.TrainingAsync(run);
        var stopped = lab.MachineOf(before);

        Signals.Send(stopped.ProcessId, Signals.Stop);
        await lab.ReconnectAsync();
        var after = await lab.UntilAsync(run, "trains elsewhere", view => view.State == RunState.Pretraining && view.Device != before.Device, Long);
        Signals.Send(stopped.ProcessId, Signals.Continue);

        // What it learns first is that the others have voted it dead; a service manager would start it again.
        Assert.True(after.LeaseEpoch > before.LeaseEpoch);
        await lab.SucceedsAsync(run, 90, Long);
        Assert.DoesNotContain(lab.Silos.SelectMany(silo => silo.Workers()), worker => worker.RunId == run && worker.LeaseEpoch == before.LeaseEpoch);
    }

    [Fact]
    public async Task Worker_StoppedForEver_IsKilledAndFollowedByAnother()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 6);
        var run = await lab.SubmitAsync(25);
        await lab.UntilPublishedAsync(run, copies: 1);
        await lab.TrainingAsync(run);
        int worker = lab.WorkerOf(run).ProcessId;

        Signals.Send(worker, Signals.Stop);

        await lab.UntilAsync(run, "has a second attempt", view => view.Attempts >= 2, Long);
        Assert.False(IsStopped(worker), "The stopped worker is still there.");
        await lab.SucceedsAsync(run, 25, Long);
    }

    [Fact]
    public async Task Redis_AwayForAWhile_CostsNoTraining()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 60);
        var run = await lab.SubmitAsync(40);
        var before = await lab.UntilTrainsAsync(run);
        int worker = lab.WorkerOf(run).ProcessId;

        await lab.Redis.KillAsync();
        await Task.Delay(TimeSpan.FromSeconds(15), TestContext.Current.CancellationToken); // the outage itself
        await lab.Redis.RunAsync();

        await lab.UntilAsync(run, "goes on", view => view.State != RunState.Pretraining || view.Progress?.OptimizerSteps > before.Progress!.OptimizerSteps);
        Assert.DoesNotContain(lab.Silos, silo => !silo.IsAlive);
        Assert.Contains(lab.Silos.SelectMany(silo => silo.Workers()), seen => seen.ProcessId == worker);
        var report = await lab.SucceedsAsync(run, 40, Long);
        Assert.Equal(1, report.Attempts);
    }

    [Fact]
    public async Task Redis_BackWithoutItsData_EndsTheSilosAndItsDataBringsThemBack()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 8);
        var run = await lab.SubmitAsync(30);
        await lab.UntilPublishedAsync(run, copies: 1);
        await lab.ReconnectAsync();

        await lab.Redis.KillAsync();
        string kept = lab.Redis.Folder + "-kept";
        Directory.Move(lab.Redis.Folder, kept);
        Directory.CreateDirectory(lab.Redis.Folder);
        await lab.Redis.RunAsync();

        foreach (var silo in lab.Silos)
        {
            await silo.EndedAsync(Lab.Patience);
            Assert.Contains("has lost its data", silo.ReadLog(), StringComparison.Ordinal);
            silo.Start(); // as a service manager would: refused for as long as the store remembers nothing
            await silo.EndedAsync(Lab.Patience);
            Assert.Equal(2, silo.ExitCode);
        }

        await lab.Redis.KillAsync();
        Directory.Delete(lab.Redis.Folder, recursive: true);
        Directory.Move(kept, lab.Redis.Folder);
        await lab.Redis.RunAsync();
        foreach (var silo in lab.Silos)
        {
            silo.Start();
        }

        await Task.WhenAll(lab.Silos.Select(silo => silo.ReadyAsync()));
        await lab.SucceedsAsync(run, 30, Long);
    }

    private static bool IsStopped(int processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/stat").Contains(") T ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it is gone
        }
    }

    private static bool TryRun(string program, string arguments, string? folder = null)
    {
        using var process = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(program, arguments) { WorkingDirectory = folder ?? "/", RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static string[] Folders(SiloProcess silo, string below) =>
        Directory.Exists(Path.Combine(silo.Home, below)) ? Directory.GetDirectories(Path.Combine(silo.Home, below)) : [];
}

/// <summary>Whether the long rows are wanted.</summary>
internal static class FaultMatrix
{
    public static void SkipUnlessWanted() => Assert.SkipUnless(
        Environment.GetEnvironmentVariable("CRAM_FAULT_MATRIX") == "1", "takes minutes; tests/fault-matrix.sh (CRAM_FAULT_MATRIX=1) runs it");
}
