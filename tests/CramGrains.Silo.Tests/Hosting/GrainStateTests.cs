using System.Runtime.CompilerServices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Hosting;

/// <summary>State that version 0.1.0 stored, taken from a real run: whatever is added later, it stays readable and keeps its meaning.</summary>
public sealed class GrainStateTests
{
    private static readonly StateSerializer Serializer = new();
    private static readonly string Folder = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "goldens", "grain-state-v1"));

    [Fact]
    public void Deserialize_RunInMidPretraining_KeepsItsAttemptBudgetAndHistory()
    {
        var run = Read<RunRecord>("run-pretraining.json");

        Assert.Equal((RunState.Pretraining, TerminationReason.None), (run.State, run.Reason));
        Assert.Equal("ada", run.Request!.User);
        Assert.Equal((12.0, 0.2264253), (run.BudgetSeconds, run.BudgetUsedSeconds));
        Assert.Equal((AttemptPhase.Running, 1, 2L, "lab-1/cpu"), (run.Pretraining.Phase, run.Pretraining.Number, run.Pretraining.Epoch, run.Pretraining.DeviceId!));
        Assert.Equal([RunState.Queued, RunState.Preparing, RunState.Waiting, RunState.Pretraining], run.History.Select(entry => entry.State));
        Assert.Equal(("cola", false), (Assert.Single(run.Glue).Task, run.Glue[0].Ended));
        Assert.False(run.Retired);
    }

    [Fact]
    public void Deserialize_EndedRun_KeepsItsResultAndScores()
    {
        var run = Read<RunRecord>("run-ended.json");

        Assert.Equal((RunState.Succeeded, TerminationReason.Completed, true), (run.State, run.Reason, run.Retired));
        Assert.Equal(166, run.Result!.OptimizerSteps);
        Assert.Equal(("cola", "mcc", true), (run.Glue[0].Scores[0].Task, run.Glue[0].Scores[0].Metric, run.Glue[0].Scores[0].Subset));
    }

    [Fact]
    public void Deserialize_Scheduler_KeepsLeasesAndTheEpochCounter()
    {
        var scheduler = Read<SchedulerRecord>("scheduler-pretraining.json");

        Assert.Equal(2, scheduler.LastEpoch);
        var item = Assert.Single(scheduler.Items.Values);
        Assert.Equal(("lab-1/cpu", 2L, WorkerJob.Pretrain, "lab-1"), (item.DeviceId!, item.LeaseEpoch, item.Item.Job, item.Item.RequiredMachine!));
        Assert.Equal(["lab-1/cpu", "lab-1/data"], scheduler.Devices.Keys.Order());
        Assert.Single(scheduler.ActiveRuns);
        Assert.Single(Read<EndedRuns>("ended-runs.json").Runs);
    }

    [Fact]
    public void Deserialize_Trainer_KeepsItsOrderAndHowItEnded()
    {
        var busy = Read<TrainerRecord>("trainer-pretraining.json");
        Assert.Equal((2L, WorkerJob.Pretrain), (busy.Epoch, busy.Order!.Job));
        Assert.Null(busy.Final);

        var done = Read<TrainerRecord>("trainer-ended.json");
        Assert.Equal((3L, WorkerJob.FineTune, TerminationReason.Completed), (done.Epoch, done.Order!.Job, done.Final!.Reason));
    }

    [Fact]
    public void Deserialize_BudgetCorpusAndGlueTask_KeepWhatWasCountedAndMade()
    {
        var budget = Read<BudgetAccount>("budget.json");
        Assert.Equal((2L, 4.1673722), (budget.Epoch, budget.UsedSeconds));
        var corpus = Read<CorpusRecord>("corpus.json");
        Assert.Equal((CorpusState.Ready, 144_608L), (corpus.State, corpus.Tokens!.Value));
        var task = Read<GlueTaskRecord>("glue-task.json");
        Assert.Equal((true, TerminationReason.Completed, "mcc"), (task.Ended, task.Reason, task.Scores[0].Metric));
    }

    [Fact]
    public void Deserialize_StateOfANewerSchema_SaysWhichProgramToRun()
    {
        var problem = Assert.Throws<System.Text.Json.JsonException>(() => Serializer.Deserialize<BudgetAccount>(BinaryData.FromString("""{"schema_version":99,"state":{}}""")));
        Assert.Contains("newer build", problem.Message, StringComparison.Ordinal);
    }

    private static T Read<T>(string file) => Serializer.Deserialize<T>(new BinaryData(File.ReadAllBytes(Path.Combine(Folder, file))));

    private static string Here([CallerFilePath] string path = "") => path;
}
