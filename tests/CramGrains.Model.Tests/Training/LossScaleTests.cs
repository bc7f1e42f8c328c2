using CramGrains.Model.Cuda;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

public sealed class LossScaleTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Settle_NormNotFinite_LeavesTheStepOutAndHalves()
    {
        using var scale = new LossScale();
        double before = scale.Value;
        Assert.Null(scale.Settle(tensor(float.PositiveInfinity)));
        Assert.Null(scale.Settle(tensor(float.NaN)));
        Assert.Equal((before / 4, 2), (scale.Value, scale.LeftOut));
        Assert.Equal(4 / before, scale.Settle(tensor(3f)));
    }

    [Fact]
    public void Settle_ManyCleanSteps_Doubles()
    {
        using var scale = new LossScale();
        double before = scale.Value;
        for (int i = 0; i < 2000; i++)
        {
            Assert.Equal(1 / before, scale.Settle(tensor(1f)));
        }

        Assert.Equal(2 * before, scale.Value);
    }

    [Fact]
    public void Settle_NotFiniteWithoutScale_PassesItOn()
    {
        using var scale = new LossScale();
        while (scale.Value > 1)
        {
            Assert.Null(scale.Settle(tensor(float.NaN)));
        }

        Assert.Equal(1, scale.Settle(tensor(float.NaN)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Accumulate_Float16_GivesTheGradientsOfFloat32(bool fused)
    {
        using var exact = new EagerEngine(Tiny(PrecisionKind.Float32), 64, CPU);
        using var half = Make(fused);
        half.Load(exact.Weights(), half.OptimizerState());
        var microbatch = Goldens.Microbatch(Goldens.Read("peer/batch.safetensors"));
        Assert.True(Goldens.RelativeError(exact.Accumulate(microbatch, 1), half.Accumulate(microbatch, 1)) < 2e-3);
        double norm = exact.Step(1).item<float>();
        Assert.Equal(norm, half.Step(1).item<float>(), 1e-2 * norm);
        foreach ((string name, Tensor weight) in exact.Weights())
        {
            Assert.True((half.Weights()[name] - weight).abs().max().item<float>() < 2.1e-3, name); // AdamW's first step moves each weight by the learning rate, 1e-3, whatever its gradient's size
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_Float16Overflows_LeavesEverythingAsItWasAndGoesOnWithASmallerScale(bool fused)
    {
        using var engine = Make(fused);
        var microbatch = Goldens.Microbatch(Goldens.Read("peer/batch.safetensors"));
        engine.Accumulate(microbatch, 1);
        float norm = engine.Step(1).item<float>();
        engine.OptimizerState()[LossScale.StateName][0] = 1e30f;
        byte[] weights = engine.Weights()["layers.0.qkv.weight"].bytes.ToArray(), moments = engine.OptimizerState()["exp_avg/layers.0.qkv.weight"].bytes.ToArray();
        engine.Accumulate(microbatch, 1);
        Assert.Equal(norm, engine.Step(1).item<float>());
        Assert.Equal(weights, engine.Weights()["layers.0.qkv.weight"].bytes.ToArray());
        Assert.Equal(moments, engine.OptimizerState()["exp_avg/layers.0.qkv.weight"].bytes.ToArray());
        Assert.Equal((5e29f, 1f), (engine.OptimizerState()[LossScale.StateName][0].item<float>(), engine.OptimizerState()[LossScale.StateName][2].item<float>()));

        engine.OptimizerState()[LossScale.StateName][0] = 1024f;
        engine.Accumulate(microbatch, 1);
        Assert.True(float.IsFinite(engine.Step(1).item<float>()));
        Assert.NotEqual(weights, engine.Weights()["layers.0.qkv.weight"].bytes.ToArray());
    }

    private static Recipe Tiny(PrecisionKind precision)
    {
        Recipe recipe = TestRecipes.Tiny();
        return recipe with { Training = recipe.Training with { Precision = precision } };
    }

    private static IPretrainingEngine Make(bool fused)
    {
        Recipe recipe = Tiny(PrecisionKind.Float16);
        var eager = new EagerEngine(recipe, 64, CPU);
        if (!fused)
        {
            return eager;
        }

        using (eager)
        {
            EncoderShape shape = EncoderShape.From(recipe.Architecture, 64, recipe.Corpus.SequenceLength, out _)!;
            var engine = new FusedEngine(new PlainStages(shape, CPU, float16, float32), recipe.Training, rows: 3, maximumMasked: 16, headChunk: 1000, maskedMultiple: 4);
            engine.LoadWeights(eager.Weights());
            return engine;
        }
    }
}
