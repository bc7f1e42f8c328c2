using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

/// <summary>Short real runs that the benchmark command makes.</summary>
public sealed class LossCurveTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void Export_OfACurve_HoldsWhatTheCurveTrainedOn()
    {
        const int Steps = 3;
        Recipe recipe = TestRecipes.Tiny();
        MemoryRows rows = MemoryRows.Random(30, 16, 64, seed: 2);
        LossCurve.Export(recipe, rows, Steps, _folder);
        float[] losses = LossCurve.Run(recipe, rows, CPU, fused: false, Steps, cacheFolder: null);

        using var scope = NewDisposeScope();
        using var engine = new EagerEngine(recipe, 64, CPU);
        engine.Load(SafeTensors.Read(Path.Combine(_folder, "weights.safetensors")), engine.OptimizerState());
        var batch = new MaskedMicrobatch(3, 16, 12);
        byte[] batches = File.ReadAllBytes(Path.Combine(_folder, "batches.i32"));
        Assert.Equal(Steps * 4 * (48 + 12 + 12), batches.Length);
        for (int step = 0; step < Steps; step++)
        {
            int at = step * 4 * 72;
            Buffer.BlockCopy(batches, at, batch.Ids, 0, 4 * 48);
            Buffer.BlockCopy(batches, at + (4 * 48), batch.Positions, 0, 4 * 12);
            Buffer.BlockCopy(batches, at + (4 * 60), batch.Labels, 0, 4 * 12);
            Assert.Equal(losses[step], engine.Accumulate(batch, 1).item<float>());
            engine.Step(1); // the warm-up is a tenth of three steps: none
        }
    }

    [Fact]
    public void Open_FileThatIsNoRows_SaysWhatItWants()
    {
        Directory.CreateDirectory(_folder);
        string path = Path.Combine(_folder, "tokens");
        File.WriteAllBytes(path, new byte[30]);
        Assert.Contains("30 bytes, expected a multiple of 32", Assert.Throws<CorpusException>(() => MemoryRows.Open(path, 16)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, [.. Enumerable.Range(0, 64).Select(i => (byte)(i % 2 == 0 ? i : 1))]);
        int[] row = new int[16];
        MemoryRows.Open(path, 16).CopyRow(1, row);
        Assert.Equal([256 + 32, 256 + 34], row[..2]);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Measure_ShortLoop_CountsTokensCheckpointsAndLeavesNoFolder()
    {
        int before = Directory.GetDirectories(Path.GetTempPath(), "cram-loop-*").Length;
        LoopMeasurement m = LoopBenchmark.Measure(TestRecipes.Tiny(batch: 6), MemoryRows.Random(60, 16, 64, seed: 2), CPU, fused: false, seconds: 1, samples: 2, cacheFolder: null);
        Assert.True(m.Tokens > 0 && m.Checkpoints > 0 && m.FirstStepSeconds > 0 && m.PassTokensPerSecond > 0, m.ToString());
        Assert.Equal(m.LoopTokensPerSecond / m.PassTokensPerSecond, m.Fraction);
        Assert.Equal(before, Directory.GetDirectories(Path.GetTempPath(), "cram-loop-*").Length);
    }
}
