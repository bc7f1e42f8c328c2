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
}
