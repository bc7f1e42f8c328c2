using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace CramGrains.Cluster.Tests;

[Trait("Category", "Fault")]
public sealed class RunFaultTests
{
    [Fact]
    public async Task Pretrain_WorkerLost_GoesOnUnderAHigherEpochWithTheBudgetIntact()
    {
        await using Lab lab = await Lab.StartAsync();
        Hold(lab, WorkerJob.Pretrain);
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker first = await lab.WorkerAsync(WorkerJob.Pretrain);
        first.Train(12.5);
        await lab.UntilAsync("r-1", v => v.BudgetUsedSeconds >= 12.5, "12.5 s are charged");

        first.Train(13.75);
        first.End(TerminationReason.WorkerLost, "killed");
        ScriptedWorker second = await lab.WorkerAsync(WorkerJob.Pretrain, count: 2);

        Assert.True(second.Assignment.LeaseEpoch > first.Assignment.LeaseEpoch);
        Assert.Equal(13.75, second.Assignment.BudgetUsedSeconds);
        second.Train(60);
        second.Complete();
        RunView view = await lab.UntilAsync("r-1", RunState.Succeeded);
        Assert.Equal((2, 60.0), (view.Attempts, view.BudgetUsedSeconds));
        Assert.Contains(view.Notices, n => n.Contains("worker-lost", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pretrain_EveryWorkerLost_GivesUpAfterTheLastAttempt()
    {
        await using Lab lab = await Lab.StartAsync(runs: o => o.MaxAttempts = 3);
        lab.Workers.Script = w => End(w, WorkerJob.Pretrain, TerminationReason.WorkerLost);
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));

        RunView view = await lab.UntilAsync("r-1", RunState.Failed);

        Assert.Equal((TerminationReason.AttemptsExhausted, 3), (view.Reason, view.Attempts));
    }

    [Fact]
    public async Task Pretrain_LeaseExpiredMoreOftenThanMaxAttempts_IsNotAFailure()
    {
        await using Lab lab = await Lab.StartAsync(runs: o => o.MaxAttempts = 2);
        lab.Workers.Script = w =>
        {
            if (w.Assignment.Job == WorkerJob.Pretrain && lab.Workers.Workers.Count(o => o.Assignment.Job == WorkerJob.Pretrain) <= 4)
            {
                w.End(TerminationReason.LeaseExpired);
            }
            else
            {
                w.Complete();
            }
        };
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));

        RunView view = await lab.UntilAsync("r-1", RunState.Succeeded);

        Assert.True(view.Attempts > 2, $"{view.Attempts} attempts");
    }

    [Fact]
    public async Task Pretrain_WorkerLost_WaitsForTheBackOff()
    {
        await using Lab lab = await Lab.StartAsync(runs: o => o.BackoffSeconds = 100);
        lab.Workers.Script = w => End(w, WorkerJob.Pretrain, TerminationReason.WorkerLost);
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.UntilAsync("r-1", v => v.Message.StartsWith("attempt 2 begins at 12:01:40", StringComparison.Ordinal), "it waits for its back-off");
        Assert.Single(lab.Workers.Workers, w => w.Assignment.Job == WorkerJob.Pretrain);

        lab.Workers.Script = w => w.Complete();
        lab.Clock.Advance(TimeSpan.FromSeconds(101));

        await lab.UntilAsync("r-1", RunState.Succeeded);
    }

    [Theory]
    [InlineData(TerminationReason.NonFiniteLoss)]
    [InlineData(TerminationReason.RecipeUnsupported)]
    [InlineData(TerminationReason.OutOfMemory)]
    public async Task Pretrain_UserError_FailsAtOnce(TerminationReason reason)
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w => End(w, WorkerJob.Pretrain, reason);
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));

        RunView view = await lab.UntilAsync("r-1", RunState.Failed);

        Assert.Equal((reason, 1), (view.Reason, view.Attempts));
    }

    [Theory]
    [InlineData(nameof(WorkerJob.PrepareCorpus))]
    [InlineData(nameof(WorkerJob.Pretrain))]
    [InlineData(nameof(WorkerJob.FineTune))]
    public async Task Cancel_WhileAWorkerRuns_EndsItAndFreesTheDevice(string phase)
    {
        WorkerJob job = Enum.Parse<WorkerJob>(phase); // an internal type cannot stand in a test's signature
        await using Lab lab = await Lab.StartAsync();
        Hold(lab, job);
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA")));
        ScriptedWorker worker = await lab.WorkerAsync(job);

        CommandOutcome outcome = await run.CancelAsync("bob");
        RunView view = await lab.UntilAsync("r-1", RunState.Cancelled);

        Assert.True(outcome.Accepted);
        Assert.Equal("cancelled by bob", view.Message);
        await Lab.UntilAsync(() => Task.FromResult(!worker.Alive), () => "the worker ends");
        await Lab.UntilAsync(
            async () => (await lab.DevicesAsync()).All(d => d.State == Interfaces.Devices.DeviceState.Free), () => "the device is free");
    }

    [Fact]
    public async Task Cancel_WhileItWaitsForADevice_LeavesTheQueue()
    {
        await using Lab lab = await Lab.StartAsync();
        Hold(lab, WorkerJob.Pretrain);
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker first = await lab.WorkerAsync(WorkerJob.Pretrain);
        await lab.SubmitAsync(Requests.Submit(lab, "r-2"));
        await lab.UntilAsync("r-2", v => v.Message.Contains("next in the queue", StringComparison.Ordinal), "it says why it waits");

        await lab.Run("r-2").CancelAsync("bob");
        await lab.UntilAsync("r-2", RunState.Cancelled);
        first.Complete();
        await lab.UntilAsync("r-1", RunState.Succeeded);

        Assert.Single(lab.Workers.Workers, w => w.Assignment.Job == WorkerJob.Pretrain);
    }

    [Fact]
    public async Task Cancel_WorkerThatDoesNotHeed_IsKilledAfterTheGrace()
    {
        await using Lab lab = await Lab.StartAsync();
        Hold(lab, WorkerJob.Pretrain);
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker worker = await lab.WorkerAsync(WorkerJob.Pretrain);
        worker.Deaf = true;
        await run.CancelAsync("bob");
        Assert.True(worker.Alive);

        await Lab.UntilAsync(
            () =>
            {
                lab.Clock.Advance(TimeSpan.FromSeconds(20));
                return Task.FromResult(worker.Killed);
            },
            () => "the worker is killed");

        await lab.UntilAsync("r-1", RunState.Cancelled);
    }

    [Theory]
    [InlineData(nameof(WorkerJob.PrepareCorpus))]
    [InlineData(nameof(WorkerJob.Pretrain))]
    [InlineData(nameof(WorkerJob.FineTune))]
    public async Task Restart_WorkerStillAlive_IsTakenUpAgain(string phase)
    {
        WorkerJob job = Enum.Parse<WorkerJob>(phase); // an internal type cannot stand in a test's signature
        await using Lab lab = await Lab.StartAsync();
        Hold(lab, job);
        await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA")));
        ScriptedWorker worker = await lab.WorkerAsync(job);
        worker.Train(20);

        await lab.RestartAsync();
        int renewals = worker.Renewals;

        // Nobody has called the run since: it goes on by itself.
        await Lab.UntilAsync(() => Task.FromResult(worker.Renewals > renewals), () => "the new silo renews the worker's lease");
        lab.Workers.Script = w => w.Complete();
        worker.Complete();
        RunView view = await lab.UntilAsync("r-1", RunState.Succeeded);
        Assert.Equal(1, view.Attempts);
    }

    /// <summary>An embedded silo keeps reminders in memory. Without one, a run that gives way after a failed write would be nobody's concern until somebody asks for it.</summary>
    [Fact]
    public async Task Restart_RunThatGoesOn_HasItsWatchdogAgain()
    {
        await using Lab lab = await Lab.StartAsync();
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1") with { Hold = true });
        Assert.Single(await WatchdogsAsync());

        await lab.RestartAsync();

        await Lab.UntilAsync(async () => (await WatchdogsAsync()).Count == 1, () => "the run has a reminder again");

        async Task<IList<ReminderEntry>> WatchdogsAsync() => (await lab.SiloServices.GetRequiredService<IReminderTable>().ReadRows(run.GetGrainId())).Reminders;
    }

    private static void Hold(Lab lab, WorkerJob job) => lab.Workers.Script = w =>
    {
        if (w.Assignment.Job == job)
        {
            w.Run("at work");
        }
        else
        {
            w.Complete();
        }
    };

    private static void End(ScriptedWorker worker, WorkerJob job, TerminationReason reason)
    {
        if (worker.Assignment.Job == job)
        {
            worker.End(reason);
        }
        else
        {
            worker.Complete();
        }
    }
}
