using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Tests.Training;

/// <summary>What a pretraining leaves behind and goes on from.</summary>
// Dropout draws from torch's generator of the whole process.
[Collection(nameof(TorchRandomCollection))]
public sealed class PretrainerCheckpointTests : IDisposable
{
    private static readonly Recipe TwentySteps = TestRecipes.Tiny();
    private static readonly Recipe TwentySeconds = TestRecipes.Tiny(hours: 20.0 / 3600);

    private readonly List<TemporaryFolder> _folders = [];

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    public static TheoryData<string> Resumable => ["adam-w", "muon", "nor-muon", "scalars", "float16", "dropout", "batches", "falling-mask", "time"];

    [Theory]
    [MemberData(nameof(Resumable))]
    public void Run_StoppedAfterTenStepsAndResumed_IsBitwiseTheUninterruptedRun(string variant)
    {
        var recipe = Variant(variant);
        using var whole = Rig(recipe);
        var expected = whole.Run();

        string folder = Folder();
        using var before = new TrainingRig(recipe, folder);
        before.OnStep = step => Stop(before, step == 10);
        Assert.Equal((PretrainingOutcome.Stopped, 10L), (before.Run().Outcome, before.Pretrainer.Budget.UsedTokens / TokensPerStep(recipe)));

        using var after = new TrainingRig(recipe, folder);
        var actual = after.Run();
        Assert.Equal(10, Assert.IsType<Resumed>(after.Events[0]).OptimizerSteps);
        Assert.Equal(expected with { Checkpoint = "" }, actual with { Checkpoint = "" });
        Assert.Equal(whole.Weights(), after.Weights());
    }

    [Fact]
    public void Run_BudgetClockIsAhead_GoesOnFromTheLarger()
    {
        string folder = Folder();
        using var before = new TrainingRig(TwentySeconds, folder);
        before.OnStep = step => Stop(before, step == 10);
        before.Run();
        using var after = new TrainingRig(TwentySeconds, folder);
        var result = after.Run(budgetUsed: 14); // four seconds were lost with the worker
        Assert.Equal((16L, 20.0), (result.OptimizerSteps, Math.Round(result.BudgetUsedSeconds, 9)));
    }

    [Fact]
    public void Run_BudgetTooNearlyUsedForAnotherStep_TrainsNoMoreWhenRunAgain()
    {
        string folder = Folder();
        var recipe = TestRecipes.Tiny(batch: 9, hours: 20.0 / 3600); // steps of three seconds: two seconds are left
        using var before = new TrainingRig(recipe, folder);
        Assert.Equal(6, before.Run().OptimizerSteps);
        using var after = new TrainingRig(recipe, folder);
        var result = after.Run();
        Assert.Equal((6L, 18.0), (result.OptimizerSteps, Math.Round(result.BudgetUsedSeconds, 9)));
    }

    [Fact]
    public void Run_NewestCheckpointTorn_SaysSoAndGoesOnFromTheOneBefore()
    {
        string folder = Folder();
        var recipe = TwentySteps with { Checkpoints = new(IntervalSeconds: 4, Keep: 3) };
        using var before = new TrainingRig(recipe, folder);
        before.OnStep = step => Stop(before, step == 10);
        string newest = before.Run().Checkpoint;
        File.WriteAllText(Path.Combine(newest, CheckpointStore.WeightsFile), "torn");

        using var after = new TrainingRig(recipe, folder);
        var result = after.Run();
        Assert.Equal(newest, Assert.IsType<CheckpointRefused>(after.Events[0]).Path);
        Assert.Equal(8, Assert.IsType<Resumed>(after.Events[1]).OptimizerSteps);
        Assert.Equal(20, result.OptimizerSteps);
    }

    [Fact]
    public void Run_IntervalPassed_WritesCheckpointsOfTrainingTime()
    {
        using var rig = Rig(TwentySeconds with { Checkpoints = new(IntervalSeconds: 6, Keep: 9) });
        rig.Run();
        Assert.Equal([6L, 12, 18, 20], rig.Events.OfType<CheckpointWritten>().Select(written => written.OptimizerSteps));
    }

    [Fact]
    public void Run_CheckpointRequested_WritesOneAtOnce()
    {
        using var rig = Rig(TwentySteps);
        rig.OnStep = step => Request(rig, step == 7);
        rig.Run();
        Assert.Equal([7L, 20], rig.Events.OfType<CheckpointWritten>().Select(written => written.OptimizerSteps));
    }

    [Fact]
    public void Run_NoCheckpointWantedAtTheEnd_WritesOneOnlyWhereItStops()
    {
        string folder = Folder();
        using var stopped = new TrainingRig(TwentySteps, folder, checkpointAtEnd: false);
        stopped.OnStep = step => Stop(stopped, step == 10);
        Assert.NotEmpty(stopped.Run().Checkpoint);
        using var whole = new TrainingRig(TwentySteps, folder, checkpointAtEnd: false);
        var result = whole.Run();
        Assert.Equal((PretrainingOutcome.Completed, 20L, ""), (result.Outcome, result.OptimizerSteps, result.Checkpoint));
        Assert.Empty(whole.Events.OfType<CheckpointWritten>());
    }

    [Fact]
    public void Run_FinishedRunAgain_TrainsNoMore()
    {
        string folder = Folder();
        using var before = new TrainingRig(TwentySteps, folder);
        var expected = before.Run();
        using var again = new TrainingRig(TwentySteps, folder);
        Assert.Equal(expected, again.Run());
    }

    /// <summary>It could write no checkpoint, so nothing that it trained would last, and its budget would be gone.</summary>
    [Fact]
    public void Run_CheckpointOfALaterEpoch_EndsBeforeItTrains()
    {
        string folder = Folder();
        using var before = new TrainingRig(TwentySteps, folder);
        before.OnStep = step => Stop(before, step == 10);
        string checkpoint = before.Run().Checkpoint;
        Directory.Move(checkpoint, checkpoint.Replace(".epoch-0", ".epoch-9", StringComparison.Ordinal));
        using var after = new TrainingRig(TwentySteps, folder);
        Assert.Throws<StaleLeaseException>(() => after.Run());
        Assert.Empty(after.Factors);
    }

    [Fact]
    public void Run_CheckpointOfAnotherRecipe_IsRefused()
    {
        string folder = Folder();
        using var before = new TrainingRig(TwentySteps, folder);
        before.Run();
        using var other = new TrainingRig(TwentySteps with { Seed = 8 }, folder);
        Assert.Contains("recipe", Assert.Throws<CheckpointMismatchException>(() => other.Run()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_CheckpointOfAnotherCorpus_IsRefused()
    {
        string folder = Folder();
        using var before = new TrainingRig(TwentySteps, folder, corpusDigest: "a");
        before.Run();
        using var other = new TrainingRig(TwentySteps, folder, corpusDigest: "b");
        Assert.Contains("corpus", Assert.Throws<CheckpointMismatchException>(() => other.Run()).Message, StringComparison.Ordinal);
    }

    private static Recipe Variant(string name)
    {
        var training = TwentySteps.Training;
        return name switch
        {
            "muon" => TwentySteps with { Training = training with { Optimizer = training.Optimizer with { Kind = OptimizerKind.Muon, MuonLearningRate = 0.02 } } },
            "nor-muon" => TwentySteps with
            {
                Training = training with
                {
                    Optimizer = training.Optimizer with
                    {
                        Kind = OptimizerKind.NorMuon, MuonLearningRate = 0.02, MuonMomentumStart = 0.85, MuonMomentumSteps = 15, MuonCautiousDecay = true, MuonDecayFollowsSchedule = true,
                    },
                },
            },
            "scalars" => TwentySteps with { Architecture = TestRecipes.TinyShape with { ResidualScalars = true } },
            "float16" => TwentySteps with { Training = training with { Precision = PrecisionKind.Float16 } },
            "dropout" => TwentySteps with { Architecture = TestRecipes.TinyShape with { Dropout = 0.1 } },
            "batches" => TestRecipes.Tiny(batch: 6, tokens: 16 * 6 * 20),
            "falling-mask" => TwentySteps with { Training = training with { MaskFraction = 0.3, MaskFractionEnd = 0.15 } },
            "time" => TwentySeconds,
            _ => TwentySteps,
        };
    }

    private static long TokensPerStep(Recipe recipe) => (long)recipe.Training.BatchSize * recipe.Corpus.SequenceLength;

    private static void Stop(TrainingRig rig, bool now)
    {
        if (now)
        {
            rig.Control.RequestStop();
        }
    }

    private static void Request(TrainingRig rig, bool now)
    {
        if (now)
        {
            rig.Control.RequestCheckpoint();
        }
    }

    private TrainingRig Rig(Recipe recipe) => new(recipe, Folder());

    private string Folder()
    {
        _folders.Add(new());
        return _folders[^1].Path;
    }
}
