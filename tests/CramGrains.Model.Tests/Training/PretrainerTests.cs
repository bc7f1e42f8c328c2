using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

// Dropout draws from torch's generator of the whole process.
[Collection(nameof(TorchRandomCollection))]
public sealed class PretrainerTests : IDisposable
{
    private static readonly Recipe TwentySteps = TestRecipes.Tiny();
    private static readonly Recipe TwentySeconds = TestRecipes.Tiny(hours: 20.0 / 3600);

    private readonly List<TemporaryFolder> _folders = [];

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    [Fact]
    public void Run_BudgetOfTokens_EndsWhenTheyAreRead()
    {
        using var rig = Rig(TwentySteps);
        var result = rig.Run();
        Assert.Equal((PretrainingOutcome.Completed, 20L, 20L, 960L), (result.Outcome, result.OptimizerSteps, result.MicrobatchSteps, result.TokensSeen));
        Assert.Equal(20, result.BudgetUsedSeconds, 1e-9);
    }

    [Fact]
    public void Run_BudgetOfTime_EndsWhenItIsUsedUpWithTheLearningRateAtZero()
    {
        using var rig = Rig(TwentySeconds);
        var result = rig.Run();
        Assert.Equal(20, result.BudgetUsedSeconds, 1e-9);
        Assert.Equal(20, result.OptimizerSteps);
        Assert.Equal(0, rig.Factors[^1], 1e-9);
        Assert.Equal(1, rig.Factors.Max());
    }

    [Fact]
    public void Run_NextStepWouldNotFit_StopsBeforeIt()
    {
        using var rig = Rig(TestRecipes.Tiny(batch: 9, hours: 20.0 / 3600)); // steps of three seconds
        var result = rig.Run();
        Assert.Equal((6L, 18.0), (result.OptimizerSteps, Math.Round(result.BudgetUsedSeconds, 9)));
    }

    [Fact]
    public void Run_BudgetOfCompute_EndsWithinIt()
    {
        double perStep = 48e-18 * ModelCost.FlopsPerToken(TestRecipes.TinyShape, 64, 16, 0.25);
        using var rig = Rig(TwentySteps with { BudgetTokens = null, BudgetExaflop = perStep * 5.5 });
        Assert.Equal(5, rig.Run().OptimizerSteps);
    }

    [Fact]
    public void Run_EvaluationsSpread_AreMeasuredOnTimeAndNotCharged()
    {
        using var rig = Rig(TwentySeconds with { HeldOut = new(Rows: 6, Evaluations: 3) });
        var result = rig.Run();
        Assert.Equal([0L, 5, 10, 15, 20], rig.Events.OfType<HeldOutMeasured>().Select(measured => measured.OptimizerSteps));
        Assert.Equal(20, result.BudgetUsedSeconds, 1e-9);
    }

    [Fact]
    public void Run_LearnableRows_LowersTheHeldOutLoss()
    {
        var fast = TwentySteps.Training with { Optimizer = TwentySteps.Training.Optimizer with { LearningRate = 1e-2 } };
        using var rig = Rig(TwentySteps with { Training = fast, BudgetTokens = 16 * 3 * 200 });
        var result = rig.Run();
        Assert.True(result.HeldOutLoss < result.HeldOutLossInitial - 1, $"{result.HeldOutLossInitial:F3} -> {result.HeldOutLoss:F3}");
    }

    [Fact]
    public void Run_SameSeedTwice_IsBitwiseEqual()
    {
        using var first = Rig(TwentySteps);
        using var second = Rig(TwentySteps);
        Assert.Equal(first.Run() with { Checkpoint = "" }, second.Run() with { Checkpoint = "" });
        Assert.Equal(first.Weights(), second.Weights());
    }

    [Fact]
    public void Run_OtherSeed_IsNotTheSame()
    {
        using var first = Rig(TwentySteps);
        using var second = Rig(TwentySteps with { Seed = 8 });
        Assert.NotEqual(first.Run().HeldOutLoss, second.Run().HeldOutLoss);
    }

    [Fact]
    public void Run_LossNotFinite_EndsWithItsStepAndWritesNoCheckpointOfIt()
    {
        string folder = Folder();
        var recipe = TwentySteps with { Checkpoints = new(IntervalSeconds: 4, Keep: 9) };
        using var rig = new TrainingRig(recipe, folder, engine => new PoisonedEngine(engine, atMicrobatch: 8));
        var error = Assert.Throws<NonFiniteLossException>(() => rig.Run());
        Assert.Equal((8L, double.NaN), (error.Step, error.LossNats));
        Assert.True(error.LearningRate > 0 && double.IsFinite(error.GradientNorm));
        Assert.Equal([4L], rig.Events.OfType<CheckpointWritten>().Select(written => written.OptimizerSteps));
    }

    [Fact]
    public void Run_Ended_StopsTheBudgetWhateverEndedIt()
    {
        using var rig = Rig(TwentySteps, engine => new PoisonedEngine(engine, atMicrobatch: 3));
        Assert.Throws<NonFiniteLossException>(() => rig.Run());
        double used = rig.Pretrainer.Budget.UsedSeconds;
        rig.Time.Advance(TimeSpan.FromSeconds(100));
        Assert.Equal(used, rig.Pretrainer.Budget.UsedSeconds);
    }

    [Fact]
    public void Run_Progress_IsReportedInOrderWithinTheBudget()
    {
        using var rig = Rig(TwentySeconds);
        rig.Run();
        var reports = rig.Events.OfType<PretrainingProgress>().ToArray();
        Assert.Equal(20, reports[^1].OptimizerSteps);
        Assert.Equal(reports.Select(report => report.OptimizerSteps).Order().Distinct(), reports.Select(report => report.OptimizerSteps));
        Assert.All(reports, report => Assert.Equal(48, report.TokensPerSecond, 1e-6));
    }

    private TrainingRig Rig(Recipe recipe, Func<IPretrainingEngine, IPretrainingEngine>? wrap = null) => new(recipe, Folder(), wrap);

    private string Folder()
    {
        _folders.Add(new());
        return _folders[^1].Path;
    }

    /// <summary>Gives a loss that is not a number at one microbatch.</summary>
    private sealed class PoisonedEngine(IPretrainingEngine inner, int atMicrobatch) : EngineWrapper(inner)
    {
        private int _microbatches;

        public override Tensor Accumulate(MaskedMicrobatch microbatch, double scale)
        {
            var loss = base.Accumulate(microbatch, scale);
            return ++_microbatches == atMicrobatch ? loss * float.NaN : loss;
        }
    }
}
