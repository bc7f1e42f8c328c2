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
    public void Compare_TwoLayers_GradientsAgreeAndOneSeedGivesTheSameLosses(int sequence, int hidden, int heads, int vocabulary, int rows)
    {
        Assert.SkipUnless(cuda.is_available(), "This machine has no CUDA GPU that libtorch can use.");
        Recipe tiny = TestRecipes.Tiny(TestRecipes.TinyShape with { HiddenSize = hidden, Heads = heads, FeedForwardSize = 4 * hidden }, microbatch: rows, batch: rows);
        EngineAgreement a = EngineCheck.Compare(tiny with { Corpus = tiny.Corpus with { SequenceLength = sequence } }, vocabulary, CUDA, cacheFolder: null);
        Assert.Equal(a.LossPlain, a.LossFused, 1e-2 * a.LossPlain);
        Assert.All(a.GradientErrors, e => Assert.True(e.Error < 3e-2, $"{e.Parameter}: relative error {e.Error:E2}"));
        Assert.True(a.SameSeedSameLosses);
    }
}
