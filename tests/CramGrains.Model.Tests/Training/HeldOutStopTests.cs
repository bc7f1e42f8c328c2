using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

/// <summary>A stop that comes while the held-out loss is measured: it waits for one microbatch, and nothing is missing in the end.</summary>
public sealed class HeldOutStopTests : IDisposable
{
    private const int MicrobatchesOfAMeasurement = 2;
    private static readonly Recipe Measured = TestRecipes.Tiny() with { HeldOut = new(Rows: 6, Evaluations: 1) };
    private readonly List<TemporaryFolder> _folders = [];

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    [Theory]
    [InlineData(0, true, 0)]
    [InlineData(1, true, 10)]
    [InlineData(2, true, 20)]
    [InlineData(2, false, 20)]
    public void Run_StoppedInAMeasurement_EndsAtOnceWithACheckpointAndMeasuresWhenItGoesOn(int measurement, bool checkpointAtEnd, int steps)
    {
        using var whole = new TrainingRig(Measured, Folder());
        var expected = whole.Run();
        Assert.Equal([0L, 10, 20], whole.Events.OfType<HeldOutMeasured>().Select(m => m.OptimizerSteps));

        string folder = Folder();
        CountingEngine? counted = null;
        using var before = new TrainingRig(Measured, folder, engine => counted = new CountingEngine(engine), checkpointAtEnd: checkpointAtEnd);
        counted!.OnEvaluate = calls => Stop(before, calls == measurement * MicrobatchesOfAMeasurement + 1);
        var stopped = before.Run();

        Assert.Equal((PretrainingOutcome.Stopped, (long)steps, measurement == 2), (stopped.Outcome, stopped.OptimizerSteps, stopped.BudgetIsUsedUp));
        Assert.Equal(measurement * MicrobatchesOfAMeasurement + 1, counted.Evaluations);
        Assert.Equal(steps, Assert.Single(before.Events.OfType<CheckpointWritten>()).OptimizerSteps);
        Assert.Equal(measurement == 0, (double?)stopped.HeldOutLossInitial is null);

        using var after = new TrainingRig(Measured, folder);
        var actual = after.Run();

        Assert.Equal(expected with { Checkpoint = "" }, actual with { Checkpoint = "" });
        Assert.Equal(whole.Events.OfType<HeldOutMeasured>(), before.Events.Concat(after.Events).OfType<HeldOutMeasured>());
        Assert.Equal(whole.Weights(), after.Weights());
    }

    private static void Stop(TrainingRig rig, bool now)
    {
        if (now)
        {
            rig.Control.RequestStop();
        }
    }

    private string Folder()
    {
        _folders.Add(new());
        return _folders[^1].Path;
    }

    private sealed class CountingEngine(IPretrainingEngine inner) : EngineWrapper(inner)
    {
        public int Evaluations { get; private set; }

        /// <summary>Called during each microbatch with its number.</summary>
        public Action<int> OnEvaluate { get; set; } = _ => { };

        public override Tensor Evaluate(MaskedMicrobatch microbatch)
        {
            OnEvaluate(++Evaluations);
            return base.Evaluate(microbatch);
        }
    }
}
