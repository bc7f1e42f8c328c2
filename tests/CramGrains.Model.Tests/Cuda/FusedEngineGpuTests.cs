using CramGrains.Model.Cuda;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Cuda;

/// <summary>The fast engine's kernels together, on a real GPU, against autograd in float32.</summary>
[Trait("Category", "Gpu")]
public sealed class FusedEngineGpuTests
{
    [Theory]
    [InlineData(128, 128, 2, 512, 5)]
    [InlineData(32, 64, 2, 264, 3)] // heads of 32, odd numbers of rows, a vocabulary that fills no block
    [InlineData(96, 320, 5, 1000, 7)]
    [InlineData(128, 128, 2, 512, 5, PrecisionKind.Float16)]
    public void Compare_TwoLayers_GradientsAgreeAndOneSeedGivesTheSameLosses(
        int sequence, int hidden, int heads, int vocabulary, int rows, PrecisionKind precision = PrecisionKind.Auto)
    {
        Assert.SkipUnless(cuda.is_available(), "This machine has no CUDA GPU that libtorch can use.");
        Recipe tiny = TestRecipes.Tiny(TestRecipes.TinyShape with { HiddenSize = hidden, Heads = heads, FeedForwardSize = 4 * hidden }, microbatch: rows, batch: rows);
        tiny = tiny with { Training = tiny.Training with { Precision = precision } };
        EngineAgreement a = EngineCheck.Compare(tiny with { Corpus = tiny.Corpus with { SequenceLength = sequence } }, vocabulary, CUDA, cacheFolder: null);
        Assert.Equal(a.LossPlain, a.LossFused, 1e-2 * a.LossPlain);
        Assert.All(a.GradientErrors, e => Assert.True(e.Error < 3e-2, $"{e.Parameter}: relative error {e.Error:E2}"));
        Assert.True(a.SameSeedSameLosses);
    }

    /// <summary>Kernels of an older GPU run on a newer one, since the driver compiles them for it.</summary>
    [Theory]
    [InlineData(75)]
    [InlineData(80)]
    public void Run_CompiledForAnOlderGpu_AgreesWithThePlainTwins(int capability)
    {
        Assert.SkipUnless(cuda.is_available(), "This machine has no CUDA GPU that libtorch can use.");
        ArchitectureRecipe shape = TestRecipes.TinyShape with { HiddenSize = 128, Heads = 2, FeedForwardSize = 512 };
        Assert.All(KernelCheck.Run(shape, 512, 128, 5, CUDA, cacheFolder: null, asCapability: capability), k => Assert.True(k.Passed, $"{k.Kernel}: {k.Error:E2}"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Compare_ModernBlock_GradientsAgree(bool modernBert)
    {
        Assert.SkipUnless(cuda.is_available(), "This machine has no CUDA GPU that libtorch can use.");
        Recipe tiny = TestRecipes.Tiny(
            TestRecipes.TinyShape with { HiddenSize = 128, Heads = 2, FeedForwardSize = 512, Positions = PositionKind.Rotary, QueryKeyNorm = !modernBert, ResidualScalars = !modernBert, FirstAttentionNorm = !modernBert, HeadTransform = modernBert }, microbatch: 5, batch: 5);
        EngineAgreement a = EngineCheck.Compare(tiny with { Corpus = tiny.Corpus with { SequenceLength = 128 } }, 512, CUDA, cacheFolder: null);
        Assert.All(a.GradientErrors, e => Assert.True(e.Error < 3e-2, $"{e.Parameter}: relative error {e.Error:E2}"));
        Assert.True(a.SameSeedSameLosses);
    }

    [Theory]
    [InlineData(OptimizerKind.Muon)]
    [InlineData(OptimizerKind.NorMuon)]
    public void Step_MuonOnAGpu_MovesTheMatricesAsOnTheCpu(OptimizerKind kind)
    {
        Assert.SkipUnless(cuda.is_available(), "This machine has no CUDA GPU that libtorch can use.");
        using var scope = NewDisposeScope();
        var recipe = new OptimizerRecipe(
            kind, 1e-3, 0.9, 0.98, 1e-12, 0.01, MuonLearningRate: 0.02, MuonWeightDecay: 0.1, MuonMomentumStart: 0.85, MuonMomentumSteps: 3, MuonCautiousDecay: true);
        (string Name, int Rows, int Columns)[] shapes = [("qkv", 192, 64), ("out", 64, 64), ("ffn_in", 256, 64), ("ffn_out", 64, 128)];
        TrainedParameter[] here = [.. shapes.Select(n => new TrainedParameter($"layers.0.{n.Name}.weight", randn(n.Rows, n.Columns), randn(n.Rows, n.Columns)))];
        TrainedParameter[] there = [.. here.Select(p => p with { Value = p.Value.clone().cuda(), Gradient = p.Gradient.cuda() })];
        var before = here.ToDictionary(p => p.Name, p => p.Value.clone());
        using var onCpu = new Muon(here, recipe);
        using var onGpu = new Muon(there, recipe);
        for (int step = 1; step <= 3; step++)
        {
            onCpu.Step(step, 0.5);
            onGpu.Step(step, 0.5);
        }

        foreach (var (a, b) in here.Zip(there))
        {
            Tensor moved = a.Value - before[a.Name], far = b.Value.cpu() - a.Value;
            double error = (far.norm() / moved.norm()).item<float>();
            Assert.True(error < 8e-2, $"{a.Name}: relative error {error:E2}"); // bfloat16 products on the GPU, and rows that are evened out by them
        }
    }
}
