using CramGrains.Model.Cuda;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Cuda;

/// <summary>The comparison that kernels are held to, itself held to what it must find, and on a GPU the kernels.</summary>
[Collection(nameof(TorchRandomCollection))]
public sealed class KernelCheckTests
{
    private static readonly EncoderShape Shape = EncoderShape.From(TestRecipes.TinyShape with { HiddenSize = 64, Heads = 2, Layers = 1 }, 72, 64, out _)!;

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void Checks_TwinInFloat32_Agrees(ScalarType working)
    {
        List<KernelAgreement> all = Run(new PlainStages(Shape, CPU, working, float32));
        Assert.True(all.Count > 70, $"Only {all.Count} outputs were compared.");
        Assert.All(all, k => Assert.True(k.Passed, $"{k.Kernel}: {k.Error:E2}, tolerance {k.Tolerance:E0}"));
    }

    [Fact]
    public void Checks_AnotherEpsilon_FindsTheNorm() =>
        Assert.Contains(Run(new PlainStages(Shape with { Epsilon = 0.1f }, CPU, bfloat16, float32)), k => k is { Passed: false, Kernel: "norm [0]" });

    [Theory]
    [Trait("Category", "Gpu")]
    [InlineData(768, 12, 3072, 4096, 128, 3)]
    [InlineData(64, 2, 272, 264, 32, 3)] // heads of 32, nothing fills a block
    [InlineData(320, 5, 1280, 1000, 96, 7)]
    public void Run_OnAGpu_EveryKernelAgreesWithItsTwin(int hidden, int heads, int wide, int vocabulary, int sequence, int rows)
    {
        Assert.SkipUnless(cuda.is_available(), "This machine has no CUDA GPU that libtorch can use.");
        ArchitectureRecipe shape = TestRecipes.TinyShape with { HiddenSize = hidden, Heads = heads, FeedForwardSize = wide, Layers = 1 };
        Assert.All(
            KernelCheck.Run(shape, vocabulary, sequence, rows, CUDA, cacheFolder: null), k => Assert.True(k.Passed, $"{k.Kernel}: {k.Error:E2}, tolerance {k.Tolerance:E0}"));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Turning_TwinInFloat32_Agrees(bool rotary, bool norm)
    {
        using var scope = NewDisposeScope();
        EncoderShape turned = Shape with { Rotary = rotary, QueryKeyNorm = norm };
        using PlainStages stages = new(turned, CPU, bfloat16, float32), twin = new(turned, CPU, float64, float64);
        var checks = new KernelCheck.KernelChecks(stages, twin, batch: 3);
        checks.Turning();
        Assert.Equal(norm ? 3 : 2, checks.Results.Count);
        Assert.All(checks.Results, k => Assert.True(k.Passed, $"{k.Kernel}: {k.Error:E2}, tolerance {k.Tolerance:E0}"));
    }

    [Fact]
    public void Mixing_TwinInFloat32_Agrees()
    {
        using var scope = NewDisposeScope();
        EncoderShape mixed = Shape with { ResidualScalars = true, FirstAttentionNorm = false, HeadTransform = true, Layers = 3 };
        using PlainStages stages = new(mixed, CPU, bfloat16, float32), twin = new(mixed, CPU, float64, float64);
        var checks = new KernelCheck.KernelChecks(stages, twin, batch: 3);
        checks.Mixing();
        Assert.Equal(17, checks.Results.Count);
        Assert.All(checks.Results, k => Assert.True(k.Passed, $"{k.Kernel}: {k.Error:E2}, tolerance {k.Tolerance:E0}"));
    }

    private static List<KernelAgreement> Run(PlainStages stages)
    {
        using var scope = NewDisposeScope();
        using (stages)
        {
            using var generator = manual_seed(1);
            using var twin = new PlainStages(Shape, CPU, float64, float64);
            var checks = new KernelCheck.KernelChecks(stages, twin, batch: 3);
            checks.Pretraining();
            checks.FineTuning();
            checks.Float8();
            return checks.Results;
        }
    }
}
