using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;

namespace CramGrains.Cluster.Tests;

/// <summary>What an activation, or an attempt, may still do once another has overtaken it.</summary>
[Trait("Category", "Fault")]
public sealed class OvertakenTests
{
    [Fact]
    public async Task Charge_StaleEpoch_IsRefusedAndChangesNothing()
    {
        await using Lab lab = await Lab.StartAsync();
        IBudgetClockGrain clock = lab.Grains.GetGrain<IBudgetClockGrain>("r-1");
        await clock.BeginAttemptAsync(5, 0);
        await clock.ChargeAsync(5, 10);
        await clock.BeginAttemptAsync(6, 11);

        BudgetReading stale = await clock.ChargeAsync(5, 1000);

        Assert.Equal(new BudgetReading(false, 6, 11), stale);
    }

    /// <summary>A machine that stood still wakes with an activation that knows old epochs. Nothing is to be charged, so its memory would say yes without a word to the store.</summary>
    [Fact]
    public async Task Charge_ActivationThatAnotherHasOvertaken_AcceptsNothingOfTheOldEpoch()
    {
        await using Lab lab = await Lab.StartAsync();
        IBudgetClockGrain clock = lab.Grains.GetGrain<IBudgetClockGrain>("r-1");
        await clock.BeginAttemptAsync(5, 0);
        await WriteAsAnotherAsync<BudgetAccount>(lab, "budget", clock.GetGrainId(), account => account.Epoch = 6);

        await Assert.ThrowsAsync<InconsistentStateException>(() => clock.ChargeAsync(5, 0));

        Assert.Equal(new BudgetReading(false, 6, 0), await clock.ChargeAsync(5, 0));
    }

    [Fact]
    public async Task Charge_NewEpochThatThisActivationHasNotHeardOf_IsAcceptedFromWhatIsStored()
    {
        await using Lab lab = await Lab.StartAsync();
        IBudgetClockGrain clock = lab.Grains.GetGrain<IBudgetClockGrain>("r-1");
        await clock.BeginAttemptAsync(5, 0);
        await WriteAsAnotherAsync<BudgetAccount>(lab, "budget", clock.GetGrainId(), account => account.Epoch = 7);

        Assert.Equal(new BudgetReading(true, 7, 3), await clock.ChargeAsync(7, 3));
    }

    /// <summary>Of two activations of one trainer, the one that knows less must not say that nobody serves an epoch: its run would be placed a second time.</summary>
    [Fact]
    public async Task Disown_ActivationThatAnotherHasOvertaken_GivesWayToOneThatKnows()
    {
        await using Lab lab = await Lab.StartAsync();
        ITrainerGrain trainer = lab.Grains.GetGrain<ITrainerGrain>("m0/cpu");
        Assert.Null(await trainer.GetAsync(5));
        var ended = new WorkerStatus("r-1", 5, WorkerJob.Pretrain, 1, WorkerPhase.Ended, TerminationReason.Completed, "done", 60, null, [], null);
        await WriteAsAnotherAsync<TrainerRecord>(lab, "trainer", trainer.GetGrainId(), record =>
            (record.Epoch, record.Order, record.Final) = (5, new WorkOrder("r-1", 5, WorkerJob.Pretrain, "{}", "corpus"), ended));

        Assert.Null(await trainer.GetAsync(5));
        await Assert.ThrowsAsync<InconsistentStateException>(() => trainer.DisownAsync(5));

        Assert.Equal("done", (await trainer.DisownAsync(5))?.Message);
    }

    [Fact]
    public async Task Charge_WorkerOfAnOvertakenAttempt_IsKilled()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = KeepTraining;
        await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker worker = await lab.WorkerAsync(WorkerJob.Pretrain);

        await lab.Grains.GetGrain<IBudgetClockGrain>("r-1").BeginAttemptAsync(worker.Assignment.LeaseEpoch + 100, 0);

        await Lab.UntilAsync(() => Task.FromResult(worker.Killed), () => "the zombie is killed");
    }

    [Fact]
    public async Task Save_StateWrittenByAnother_GivesWayAndGoesOnFromWhatIsStored()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = KeepTraining;
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        ScriptedWorker worker = await lab.WorkerAsync(WorkerJob.Pretrain);
        await lab.UntilAsync("r-1", RunState.Pretraining);
        await WriteAsAnotherAsync<RunRecord>(lab, "run", run.GetGrainId(), r => r.Name = "renamed by another activation");

        await Assert.ThrowsAsync<InconsistentStateException>(() => run.CancelAsync("bob"));

        RunView view = await lab.UntilAsync("r-1", v => v.Name == "renamed by another activation", "a new activation reads what is stored");
        Assert.Equal(RunState.Pretraining, view.State);
        Assert.True(worker.Alive);
        worker.Complete();
        await lab.UntilAsync("r-1", RunState.Succeeded);
    }

    private static void KeepTraining(ScriptedWorker worker)
    {
        if (worker.Assignment.Job == WorkerJob.Pretrain)
        {
            worker.Run("at work");
        }
        else
        {
            worker.Complete();
        }
    }

    private static async Task WriteAsAnotherAsync<T>(Lab lab, string name, GrainId grain, Action<T> change)
        where T : new()
    {
        IGrainStorage storage = lab.SiloServices.GetRequiredKeyedService<IGrainStorage>(SiloHosting.StorageName);
        while (true)
        {
            var state = new GrainState<T>(new T());
            await storage.ReadStateAsync(name, grain, state);
            change(state.State!);
            try
            {
                await storage.WriteStateAsync(name, grain, state);
                return;
            }
            catch (InconsistentStateException)
            {
                // The grain itself has written in between.
            }
        }
    }
}
