using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

/// <summary>Resident memory is the process's, so this test runs while no other does.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
[Collection(nameof(MemoryTests))]
[Trait("Category", "Slow")]
public sealed class MemoryTests : IDisposable, IProgress<TrainingEvent>
{
    private const int Steps = 20_000;
    private const double AllowedMebibytes = 24;

    private readonly TemporaryFolder _folder = new();
    private readonly List<double> _mebibytes = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_TwentyThousandSteps_LeavesResidentMemoryFlat()
    {
        var shape = new ArchitectureRecipe(Layers: 1, HiddenSize: 8, Heads: 1, FeedForwardSize: 16);
        var recipe = TestRecipes.Tiny(shape, microbatch: 1, batch: 1, tokens: 16L * Steps) with { HeldOut = new(Rows: 1, Evaluations: 9) };
        using var engine = new EagerEngine(recipe, 64, CPU);
        var rows = new PatternRows(64, 16);
        var pretrainer = new Pretrainer(recipe, new PatternSource(rows), rows, engine, new CheckpointStore(_folder.Path, 2), TimeProvider.System, this, "");

        var result = pretrainer.Run(0, new PretrainingControl(), TestContext.Current.CancellationToken);

        Assert.Equal(Steps, result.OptimizerSteps);
        double early = _mebibytes[2], late = _mebibytes[^1]; // after 4,000 steps, once all caches are warm, and at the end
        Assert.True(late - early < AllowedMebibytes, $"Resident memory grew from {early:F1} to {late:F1} MiB: {string.Join(", ", _mebibytes.Select(value => $"{value:F1}"))}.");
    }

    void IProgress<TrainingEvent>.Report(TrainingEvent value)
    {
        if (value is HeldOutMeasured)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            _mebibytes.Add(process.WorkingSet64 / 1048576.0);
        }
    }
}
