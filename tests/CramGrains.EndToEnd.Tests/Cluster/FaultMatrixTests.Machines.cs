using CramGrains.EndToEnd.Tests.Harness;
using CramGrains.Interfaces.Runs;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Rows about several machines: restarts, what they share, what they fetch from each other, networks and disks.</summary>
public sealed partial class FaultMatrixTests
{
    [Fact]
    public async Task UnrelatedSilo_KilledTwentyTimes_RestartsNoWorker()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 60);
        var run = await lab.SubmitAsync(7200); // cancelled at the end: twenty restarts take as long as they take
        var home = lab.MachineOf(await lab.UntilTrainsAsync(run));
        var worker = lab.WorkerOf(run);
        var other = lab.Silos.First(silo => silo != home);

        for (int i = 0; i < 20; i++)
        {
            await other.KillAsync();
            await other.StartAndWaitAsync();
        }

        Assert.Equal(worker.ProcessId, lab.WorkerOf(run).ProcessId);
        Assert.Equal(1, (await lab.UntilAsync(run, "answers", _ => true)).Attempts);
        await lab.CancelAsync(run);
    }

    [Fact]
    public async Task RollingRestart_RunAlive_KeepsItsWorker()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 60);
        var run = await lab.SubmitAsync(150); // three restarts on a machine that has other things to do
        await lab.UntilTrainsAsync(run);
        var worker = lab.WorkerOf(run);

        foreach (var silo in lab.Silos)
        {
            await silo.StopAsync();
            Assert.Equal(0, silo.ExitCode);
            await silo.StartAndWaitAsync();
        }

        Assert.Equal(worker.ProcessId, lab.WorkerOf(run).ProcessId);
        Assert.Equal(1, (await lab.SucceedsAsync(run, 150, Long)).Attempts);
    }

    [Fact]
    public async Task Watch_ItsSiloKilled_GoesOnThroughAnother()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 60);
        var run = await lab.SubmitAsync(90);
        var home = lab.MachineOf(await lab.UntilTrainsAsync(run));
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var watch = CramProcess.RunAsync(Long, () => said.TrySetResult(), "watch", run, "--json", "--cluster", lab.Addresses);
        await Task.WhenAny(said.Task, watch); // a silo that dies before the client has reached it is another matter
        Assert.False(watch.IsCompleted, "The client ended before anything happened.");

        foreach (var other in lab.Silos.Where(silo => silo != home).ToList())
        {
            await other.KillAsync();
            await other.StartAndWaitAsync();
        }

        var report = (await watch).Expect(0).Json;
        Assert.Equal("succeeded", report.GetProperty("state").GetString());
        Assert.Equal(1, report.GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task Submit_SentTwiceToDifferentSilos_IsOneRun()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync();
        string corpus = SampleText.Write(lab.Folder, 200_000);
        var run = await lab.SubmitAsync(5, corpus: corpus);
        await lab.ReconnectAsync();

        Assert.Equal(run, await lab.SubmitAsync(5, run, corpus: corpus));

        await lab.SucceedsAsync(run, 5, Long);
        Assert.Single(await (await lab.SessionAsync()).Scheduler.ListRunsAsync(10));
    }

    [Fact]
    public async Task Silo_SameMachineNameOtherHome_IsRefused()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(machines: 1);
        var twin = lab.Add("m1", Path.Combine(lab.Folder, "twin"));

        twin.Start();
        await twin.EndedAsync(Lab.Patience);

        Assert.Equal(2, twin.ExitCode);
        Assert.Contains("the name 'm1' belongs to another home", twin.ReadLog(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Device_ClaimedByTwoSilos_IsUsedByOneWorkerAtATime()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(machines: 0);
        var locks = new Dictionary<string, object> { ["LockFolder"] = Path.Combine(lab.Folder, "locks") };
        await lab.Add("m1", siloSettings: locks).StartAndWaitAsync();
        await lab.Add("m2", siloSettings: locks).StartAndWaitAsync();
        await lab.DevicesAsync(2);
        string corpus = SampleText.Write(lab.Folder, 200_000);

        string[] runs = [await lab.SubmitAsync(12, corpus: corpus), await lab.SubmitAsync(12, corpus: corpus)];
        await Eventually.TrueAsync(
            async () =>
            {
                var training = lab.Silos.SelectMany(silo => silo.Workers()).Where(worker => runs.Contains(worker.RunId) && worker.Phase == "running").ToList();
                Assert.True(training.Count <= 1, $"Two workers train on one device: {string.Join(", ", training)}");
                return (await Task.WhenAll(runs.Select(lab.TryShowAsync))).All(view => view?.EndedAt is not null);
            },
            () => "both runs end", Long);
        foreach (string run in runs)
        {
            await lab.SucceedsAsync(run, 12);
        }
    }

    [Fact]
    public async Task Corpus_TwoRunsOnTwoMachines_IsPreparedOnce()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync();
        string corpus = SampleText.Write(lab.Folder, 200_000);

        string[] runs = [await lab.SubmitAsync(10, corpus: corpus), await lab.SubmitAsync(10, corpus: corpus)];
        foreach (string run in runs)
        {
            await lab.SucceedsAsync(run, 10, Long);
        }

        Assert.Single(lab.Silos.SelectMany(silo => Folders(silo, "preparing")).SelectMany(Directory.GetDirectories));
        // Those that train have it, and those that keep copies of the checkpoints may.
        Assert.InRange(lab.Silos.Count(silo => Folders(silo, "corpora").Any(path => !Path.GetFileName(path).StartsWith('.'))), 2, 3);
    }

    [Fact]
    public async Task FineTuning_OfOneRun_SpreadsOverTheMachines()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync();
        var run = await lab.SubmitAsync(8, glue: SampleGlue.Write(lab.Folder, trainRows: 3000, devRows: 40));

        var report = await lab.SucceedsAsync(run, 8, Long);

        Assert.Equal(["cola", "mrpc"], report.Glue.Select(score => score.Task).Distinct().Order());
        var machines = lab.Silos.Where(silo => Folders(silo, Path.Combine("runs", run, "attempts"))
            .Any(folder => File.ReadAllText(Path.Combine(folder, "assignment.json")).Contains("\"fine-tune\"", StringComparison.Ordinal))).ToList();
        Assert.True(machines.Count >= 2, "Both fine-tunings ran on one machine.");
    }

    [Fact]
    public async Task SharedFolder_MachineLost_GoesOnElsewhereWithoutATransfer()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(sharedFolder: true, lease: 5);
        var run = await lab.SubmitAsync(25);
        var before = await lab.UntilAsync(run, "has a checkpoint", view => view.Progress?.CheckpointSteps is not null);

        Signals.Send(lab.WorkerOf(run).ProcessId, Signals.Kill);
        await lab.MachineOf(before).KillAsync();
        await lab.ReconnectAsync();

        var report = await lab.SucceedsAsync(run, 25, Long);
        Assert.Contains(report.Notices, notice => notice.StartsWith("Went on from step-", StringComparison.Ordinal));
        Assert.DoesNotContain(lab.Silos.Where(silo => silo.IsAlive), silo => silo.ReadLog().Contains("was brought from", StringComparison.Ordinal));
    }

    /// <summary>Shorter than by default, but longer than a run that waits goes without reading its state again.</summary>
    [Fact]
    public async Task Machine_SilentForLongerThanRunsReadTheirState_RunGoesOnElsewhere()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(lease: 60);
        var run = await lab.SubmitAsync(30);
        await lab.UntilPublishedAsync(run, copies: 2);
        var before = await lab.TrainingAsync(run);

        Signals.Send(lab.WorkerOf(run).ProcessId, Signals.Kill);
        await lab.MachineOf(before).KillAsync();
        await lab.ReconnectAsync();
        var after = await lab.UntilAsync(run, "trains elsewhere", view => view.State == RunState.Pretraining && view.Attempts == 2 && view.Progress?.OptimizerSteps > 0, Long);

        Assert.NotEqual(before.Device, after.Device);
        await lab.SucceedsAsync(run, 30, Long);
    }

    [Fact]
    public async Task Machine_CutOffFromAll_TrainsToItsLeaseAndTheRunGoesOnElsewhere()
    {
        FaultMatrix.SkipUnlessWanted();
        using var network = NetworkNamespaces.Create();
        await using var lab = await Lab.StartAsync(lease: 8, network: network);
        var run = await lab.SubmitAsync(60);
        await lab.UntilPublishedAsync(run, copies: 2);
        var before = await lab.TrainingAsync(run);
        var cutOff = lab.MachineOf(before);
        var zombie = lab.WorkerOf(run);

        network.Isolate(cutOff.Machine);
        await lab.ReconnectAsync();
        var after = await lab.UntilAsync(run, "trains elsewhere", view => view.State == RunState.Pretraining && view.Device != before.Device && view.Progress?.OptimizerSteps > 0, Long);

        // By the time that the run trains elsewhere, the worker that was cut off has ended by its own clock.
        Assert.DoesNotContain(cutOff.Workers(), worker => worker.ProcessId == zombie.ProcessId);
        Assert.True(after.LeaseEpoch > before.LeaseEpoch);
        network.Heal(cutOff.Machine);
        var report = await lab.SucceedsAsync(run, 60, Long);
        Assert.Contains(report.Notices, notice => notice.StartsWith("Went on from step-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Disk_FullAtACheckpoint_EndsTheRunAndKeepsTheCheckpointBefore()
    {
        FaultMatrix.SkipUnlessWanted();
        await using var lab = await Lab.StartAsync(machines: 0, copies: 1);
        string home = Directory.CreateDirectory(Path.Combine(lab.Folder, "m1")).FullName;
        Assert.SkipUnless(TryRun("mount", $"-t tmpfs -o size=64m tmpfs {home}"), "mounting a small file system needs root");
        try
        {
            await lab.Add("m1", home).StartAndWaitAsync();
            await lab.DevicesAsync(1);
            var run = await lab.SubmitAsync(60);
            await lab.UntilPublishedAsync(run, copies: 1);

            // Filled again at each look: old checkpoints that are removed make room for new ones.
            using var filler = new FileStream(Path.Combine(home, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            var ended = await lab.UntilAsync(
                run, "ends",
                view =>
                {
                    Fill(filler);
                    return view.EndedAt is not null;
                },
                Long);
            Assert.Equal((RunState.Failed, TerminationReason.DiskFull), (ended.State, ended.Reason));
            foreach (string checkpoint in Lab.Checkpoints(lab["m1"], run))
            {
                Assert.True(TryRun("sha256sum", $"--quiet -c manifest.json.sha256", checkpoint), $"{checkpoint} is torn.");
            }

            Assert.NotEmpty(Lab.Checkpoints(lab["m1"], run));
            Assert.True(lab["m1"].IsAlive, "The silo must outlive a full disk.");
            await lab["m1"].DisposeAsync();
        }
        finally
        {
            TryRun("umount", $"-l {home}");
        }
    }

    private static void Fill(FileStream file)
    {
        byte[] block = new byte[1 << 12];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // That was the point.
        }
    }
}
