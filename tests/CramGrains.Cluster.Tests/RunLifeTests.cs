using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Cluster.Tests;

[Trait("Category", "Cluster")]
public sealed class RunLifeTests
{
    [Fact]
    public async Task Submit_EverythingGoesWell_EndsWithTheWholeReport()
    {
        await using Lab lab = await Lab.StartAsync();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA", "MRPC")));

        await lab.UntilAsync("r-1", RunState.Succeeded);
        RunReport report = (await run.GetReportAsync())!;

        Assert.Equal(TerminationReason.Completed, report.Reason);
        Assert.Equal((100, 100_000, 7.5, 3.25), (report.OptimizerSteps, report.TokensSeen, report.HeldoutLossInitial, report.HeldoutLoss));
        Assert.Equal(("paper", "paper"), (report.Track, (await run.GetAsync())!.Track)); // it bends no rule
        Assert.Equal((1, 123_456L, 60.0), (report.Attempts, report.CorpusTokens, report.BudgetSeconds));
        Assert.Equal(["cola 7", "cola 8", "mrpc 7", "mrpc 8"], report.Glue.Select(g => $"{g.Task} {g.Seed}").Order());
    }

    [Fact]
    public async Task Submit_WithoutGlueFolder_SkipsFineTuningAndSaysHowToGiveIt()
    {
        await using Lab lab = await Lab.StartAsync();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));

        RunView view = await lab.UntilAsync("r-1", RunState.Succeeded);

        Assert.Contains(view.Notices, n => n.Contains("--glue DIR", StringComparison.Ordinal));
        Assert.DoesNotContain(lab.Workers.Workers, w => w.Assignment.Job == WorkerJob.FineTune);
    }

    [Fact]
    public async Task Submit_GlueFolderLacksATask_RunsTheOthersAndNamesIt()
    {
        await using Lab lab = await Lab.StartAsync();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA")));

        RunView view = await lab.UntilAsync("r-1", RunState.Succeeded);

        Assert.Contains(view.Notices, n => n.Contains("MRPC/train.tsv", StringComparison.Ordinal));
        Assert.All(lab.Workers.Workers.Where(w => w.Assignment.Job == WorkerJob.FineTune), w => Assert.Equal("cola", w.Assignment.GlueTask));
    }

    [Fact]
    public async Task Submit_Twice_IsTheSameRun()
    {
        await using Lab lab = await Lab.StartAsync();
        SubmitRun request = Requests.Submit(lab, "r-1");
        await lab.SubmitAsync(request);
        await lab.SubmitAsync(request);

        await lab.UntilAsync("r-1", RunState.Succeeded);

        Assert.Single(lab.Workers.Workers, w => w.Assignment.Job == WorkerJob.Pretrain);
        Assert.Single(await lab.Scheduler.ListRunsAsync(10));
    }

    [Fact]
    public async Task Submit_SameIdWithAnotherRecipe_IsRefused()
    {
        await using Lab lab = await Lab.StartAsync();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));

        SubmitOutcome second = await lab.Run("r-1").SubmitAsync(Requests.Submit(lab, "r-1") with { Overrides = ["seed=8"] });

        Assert.False(second.Accepted);
        Assert.Contains("taken by another run", Assert.Single(second.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_UnknownKeyAndMissingFolders_IsRefusedAndLeavesNoRun()
    {
        await using Lab lab = await Lab.StartAsync();
        SubmitRun request = Requests.Submit(lab, "r-1");

        SubmitOutcome badKey = await lab.Run("r-1").SubmitAsync(request with { Overrides = ["training.mask_fracton=0.2"] });
        SubmitOutcome badPaths = await lab.Run("r-1").SubmitAsync(request with { CorpusPaths = ["/no/such/file"], GlueFolder = "/no/such/folder" });

        Assert.Contains(badKey.Problems, p => p.Contains("mask_fracton", StringComparison.Ordinal));
        Assert.Equal(2, badPaths.Problems.Count);
        Assert.Null(await lab.Run("r-1").GetAsync());
    }

    [Fact]
    public async Task Prepare_TwoRunsWithOneCorpus_PreparesItOnce()
    {
        await using Lab lab = await Lab.StartAsync(devices: "cpu:2");
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.SubmitAsync(Requests.Submit(lab, "r-2"));

        await lab.UntilAsync("r-1", RunState.Succeeded);
        await lab.UntilAsync("r-2", RunState.Succeeded);

        Assert.Single(lab.Workers.Workers, w => w.Assignment.Job == WorkerJob.PrepareCorpus);
    }

    [Fact]
    public async Task Prepare_CorpusInvalid_FailsTheRunWithItsReasonAtOnce()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => w.End(TerminationReason.CorpusInvalid, "corpus.txt: not UTF-8 at byte 17");
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));

        RunView view = await lab.UntilAsync("r-1", RunState.Failed);

        Assert.Equal(TerminationReason.CorpusInvalid, view.Reason);
        Assert.Contains("not UTF-8 at byte 17", view.Message, StringComparison.Ordinal);
        Assert.Single(lab.Workers.Workers);
    }

    [Fact]
    public async Task Prepare_AfterAFailureWithANewRun_TriesAgain()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => w.End(TerminationReason.DiskFull, "no space left");
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.UntilAsync("r-1", RunState.Failed);

        lab.Workers.Script = w => w.Complete();
        await lab.SubmitAsync(Requests.Submit(lab, "r-2"));

        await lab.UntilAsync("r-2", RunState.Succeeded);
    }

    [Fact]
    public async Task FineTune_OneTaskInvalid_KeepsTheScoresOfTheOthersAndFails()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w =>
        {
            if (w.Assignment.GlueTask == "mrpc")
            {
                w.End(TerminationReason.GlueInvalid, "MRPC/dev.tsv: column Quality is missing");
            }
            else
            {
                w.Complete();
            }
        };
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA", "MRPC")));

        RunView view = await lab.UntilAsync("r-1", RunState.Failed);
        RunReport report = (await run.GetReportAsync())!;

        Assert.Equal(TerminationReason.GlueInvalid, view.Reason);
        Assert.Equal(["cola", "cola"], report.Glue.Select(g => g.Task));
        Assert.Equal(3.25, report.HeldoutLoss);
    }

    [Fact]
    public async Task FineTune_TwoDevices_RunsOnBothAtOnce()
    {
        await using Lab lab = await Lab.StartAsync(devices: "cpu:2");
        lab.Workers.Script = w =>
        {
            if (w.Assignment.Job == WorkerJob.FineTune)
            {
                w.Run("fine-tuning");
            }
            else
            {
                w.Complete();
            }
        };
        await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA")));

        await lab.WorkerAsync(WorkerJob.FineTune, count: 2);

        Assert.All(await lab.DevicesAsync(), d => Assert.Equal(DeviceState.Busy, d.State));
    }

    [Fact]
    public async Task Watch_FromTheStart_SeesEveryStateOnceAndEnds()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => w.Run("preparing");
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker corpus = await lab.WorkerAsync(WorkerJob.PrepareCorpus);
        var states = new List<RunState>();
        var cursors = new List<long>();

        await foreach (RunUpdate update in run.WatchAsync(0, TestContext.Current.CancellationToken))
        {
            if (corpus.Alive)
            {
                lab.Workers.Script = w => w.Complete();
                corpus.Complete();
            }

            if (states.Count == 0 || states[^1] != update.View.State)
            {
                states.Add(update.View.State);
            }

            cursors.Add(update.Cursor);
        }

        Assert.Equal([RunState.Preparing, RunState.Waiting, RunState.Pretraining, RunState.Succeeded], states);
        Assert.Equal(cursors.Order(), cursors);
    }

    [Fact]
    public async Task ReadLog_AfterTheRun_TellsItsStoryInOrderWithUtcTimes()
    {
        await using Lab lab = await Lab.StartAsync();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.UntilAsync("r-1", RunState.Succeeded);

        LogChunk log = await run.ReadLogAsync(0);
        string[] lines = log.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.All(lines, l => Assert.StartsWith("2026-03-01T12:00:00.000Z ", l, StringComparison.Ordinal));
        Assert.Equal(["submitted", "preparing:", "waiting:", "pretraining:", "succeeded"], lines.Select(l => l.Split(' ')[1]));
        Assert.Equal("", (await run.ReadLogAsync(log.Cursor)).Text);
    }
}
