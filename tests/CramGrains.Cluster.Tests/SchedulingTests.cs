using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Cluster.Tests;

/// <summary>Priorities, policies and commands of runs, on a real cluster with scripted workers.</summary>
[Trait("Category", "Cluster")]
public sealed class SchedulingTests
{
    [Fact]
    public async Task Submit_HigherPriority_PreemptsByCheckpointAndTheOtherGoesOnWithItsBudget()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.HoldPretraining();
        await lab.SubmitAsync(Requests.Submit(lab, "r-low") with { MaxAttempts = 1 });
        ScriptedWorker low = await lab.WorkerAsync(WorkerJob.Pretrain);
        low.Train(20);
        await lab.UntilAsync("r-low", v => v.BudgetUsedSeconds >= 20, "20 s are charged");

        await lab.SubmitAsync(Requests.Submit(lab, "r-high") with { Priority = 5 });
        ScriptedWorker high = await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);

        Assert.Equal(("r-high", TerminationReason.Preempted), (high.Assignment.RunId, low.Status.Reason));
        RunView waiting = await lab.UntilAsync("r-low", v => v.EstimatedStart is not null, "it has an estimate of its start");
        Assert.Equal((RunState.Waiting, 20.0), (waiting.State, waiting.BudgetUsedSeconds));
        high.Complete();
        ScriptedWorker again = await lab.WorkerAsync(WorkerJob.Pretrain, count: 3);
        Assert.Equal(("r-low", 20.0), (again.Assignment.RunId, again.Assignment.BudgetUsedSeconds));
        again.Complete();
        RunView done = await lab.UntilAsync("r-low", RunState.Succeeded); // with one attempt allowed: losing the device was no failure
        Assert.Contains(done.Notices, n => n.Contains("preempted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pause_WhilePretraining_GivesTheDeviceBackAndGoesOnAfterResume()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.HoldPretraining();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker first = await lab.WorkerAsync(WorkerJob.Pretrain);
        first.Train(30);

        Assert.True((await run.CommandAsync(new RunCommand("c-1", RunCommandKind.Pause, "bob"))).Accepted);
        RunView paused = await lab.UntilAsync("r-1", RunState.Paused);
        await lab.UntilFreeAsync();

        Assert.Equal((TerminationReason.Paused, 30.0), (first.Status.Reason, paused.BudgetUsedSeconds));
        Assert.True((await run.CommandAsync(new RunCommand("c-2", RunCommandKind.Resume, "bob"))).Accepted);
        ScriptedWorker second = await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);
        Assert.Equal(30.0, second.Assignment.BudgetUsedSeconds);
    }

    [Fact]
    public async Task Command_SentAgainAfterAnother_ChangesNothingAndAnswersTheSame()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.HoldPretraining();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.WorkerAsync(WorkerJob.Pretrain);
        var pause = new RunCommand("c-1", RunCommandKind.Pause, "bob");
        CommandOutcome first = await run.CommandAsync(pause);
        await lab.UntilAsync("r-1", RunState.Paused);
        await run.CommandAsync(new RunCommand("c-2", RunCommandKind.Resume, "bob"));
        await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);

        CommandOutcome again = await run.CommandAsync(pause);

        Assert.Equal(first, again);
        await lab.UntilAsync("r-1", RunState.Pretraining);
        Assert.Equal(2, lab.Workers.Workers.Count(w => w.Assignment.Job == WorkerJob.Pretrain));
    }

    [Fact]
    public async Task Pause_ThenRestart_StaysPaused()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.HoldPretraining();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.WorkerAsync(WorkerJob.Pretrain);
        await run.CommandAsync(new RunCommand("c-1", RunCommandKind.Pause, "bob"));
        await lab.UntilAsync("r-1", RunState.Paused);

        await lab.RestartAsync();

        Assert.Equal(RunState.Paused, (await lab.UntilAsync("r-1", _ => true, "it answers")).State);
        await lab.Run("r-1").CommandAsync(new RunCommand("c-2", RunCommandKind.Resume, "bob"));
        await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);
    }

    [Fact]
    public async Task Submit_Held_StartsNothingUntilReleased()
    {
        await using Lab lab = await Lab.StartAsync();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1") with { Hold = true });
        RunView held = await lab.UntilAsync("r-1", v => v.Message.Contains("held by ada", StringComparison.Ordinal), "it says that it is held");
        Assert.Equal(("ada", RunState.Queued), (held.HeldBy!, held.State));
        Assert.Empty(lab.Workers.Workers);

        await run.CommandAsync(new RunCommand("c-1", RunCommandKind.Release, "bob"));

        await lab.UntilAsync("r-1", RunState.Succeeded);
    }

    [Fact]
    public async Task Submit_AfterARunThatSucceeds_StartsThen()
    {
        await using Lab lab = await Lab.StartAsync(devices: "cpu:2");
        lab.HoldPretraining();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.SubmitAsync(Requests.Submit(lab, "r-2") with { After = "r-1" });
        await lab.UntilAsync("r-2", v => v.Message == "waits for r-1 to succeed; that one is pretraining", "it says what it waits for");

        ScriptedWorker first = await lab.WorkerAsync(WorkerJob.Pretrain);
        lab.Workers.Script = w => w.Complete();
        first.Complete();

        await lab.UntilAsync("r-2", RunState.Succeeded);
    }

    [Fact]
    public async Task Submit_AfterARunThatFails_IsCancelledWithTheReason()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => w.End(TerminationReason.CorpusInvalid, "no text");
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.SubmitAsync(Requests.Submit(lab, "r-2") with { After = "r-1" });

        RunView view = await lab.UntilAsync("r-2", RunState.Cancelled);

        Assert.Equal(TerminationReason.DependencyFailed, view.Reason);
        Assert.Equal("r-1, after which it was to run, ended as failed (corpus-invalid)", view.Message);
    }

    [Fact]
    public async Task Submit_PolicyOutOfRange_IsRefusedWithEveryReason()
    {
        await using Lab lab = await Lab.StartAsync();

        SubmitOutcome outcome = await lab.Run("r-1").SubmitAsync(Requests.Submit(lab, "r-1") with { Priority = 5000, MaxAttempts = 0, After = "r-404" });

        Assert.Equal(3, outcome.Problems.Count);
        Assert.Contains(outcome.Problems, p => p.Contains("there is no run r-404", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Submit_NeedsAGpuWhereThereIsNone_WaitsAndSaysSo()
    {
        await using Lab lab = await Lab.StartAsync();
        await lab.SubmitAsync(Requests.Submit(lab, "r-1") with { MinGpuMemoryBytes = 48L << 30 });

        RunView view = await lab.UntilAsync("r-1", v => v.Message.Contains("no device", StringComparison.Ordinal), "it says that nothing fits");

        Assert.Contains("it needs a GPU with 48 GiB", view.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requeue_FailedRun_GoesOnUnderItsIdAndBudget()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w =>
        {
            if (w.Assignment.Job == WorkerJob.Pretrain)
            {
                w.Train(25);
                w.End(TerminationReason.DiskFull, "no space left");
            }
            else
            {
                w.Complete();
            }
        };
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.UntilAsync("r-1", RunState.Failed);
        lab.Workers.Script = w => w.Complete();

        CommandOutcome outcome = await run.CommandAsync(new RunCommand("c-1", RunCommandKind.Requeue, "bob"));

        Assert.True(outcome.Accepted, outcome.Message);
        RunView done = await lab.UntilAsync("r-1", RunState.Succeeded);
        Assert.Equal((2, TerminationReason.Completed), (done.Attempts, done.Reason));
        Assert.Equal(25.0, lab.Workers.Workers.Last(w => w.Assignment.Job == WorkerJob.Pretrain).Assignment.BudgetUsedSeconds);
        Assert.Single(await lab.Scheduler.ListRunsAsync(10));
    }

    [Fact]
    public async Task Requeue_CorpusThatCouldNotBePrepared_IsPreparedAgain()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => w.End(TerminationReason.DiskFull, "no space left");
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.UntilAsync("r-1", RunState.Failed);
        lab.Workers.Script = w => w.Complete();

        CommandOutcome outcome = await run.CommandAsync(new RunCommand("c-1", RunCommandKind.Requeue, "bob"));

        Assert.True(outcome.Accepted, outcome.Message);
        RunView done = await lab.UntilAsync("r-1", v => v.EndedAt is not null, "it ends again");
        Assert.Equal((RunState.Succeeded, TerminationReason.Completed), (done.State, done.Reason));
    }

    [Fact]
    public async Task Requeue_NeverPolicyAndLostDevice_EndsWithThatReason()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => w.End(w.Assignment.Job == WorkerJob.Pretrain ? TerminationReason.LeaseExpired : TerminationReason.Completed, "ended", w.Made());
        await lab.SubmitAsync(Requests.Submit(lab, "r-1") with { Requeue = RequeuePolicy.Never });

        Assert.Equal(TerminationReason.LeaseExpired, (await lab.UntilAsync("r-1", RunState.Failed)).Reason);
    }
}
