using CramGrains.Model.Cuda;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Cuda;

/// <summary>The fast engine's passes on the plain twins of its kernels, against autograd and PyTorch, on the CPU.</summary>
public sealed class FusedEngineTests : IDisposable
{
    private const double Tolerance = 2e-5;

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    [Trait("Category", "Parity")]
    public void Step_PeersBatch_GivesThePeersLossGradientsNormAndWeights()
    {
        var batch = Goldens.Read("peer/batch.safetensors");
        using FusedEngine engine = Plain(TestRecipes.Tiny(), rows: 3, masked: 16);
        engine.Load(Goldens.Read("peer/weights.safetensors"), engine.OptimizerState());
        Assert.True(Goldens.RelativeError(batch["loss"][0], engine.Accumulate(Goldens.Microbatch(batch), 1)) < Tolerance);
        Goldens.AssertClose(Goldens.Read("peer/gradients.safetensors"), Gradients(engine), Tolerance);
        Assert.True(Goldens.RelativeError(batch["grad_norm"][0], engine.Step(1)) < Tolerance);
        Goldens.AssertClose(Goldens.Read("peer/weights_after_step.safetensors"), engine.Weights(), Tolerance);
    }

    [Theory]
    [InlineData(PositionKind.ScaledSinusoidal, 0.0, 1000, false, false)]
    [InlineData(PositionKind.Rotary, 0.0, 1000, false, false, true)]
    [InlineData(PositionKind.Rotary, 0.01, 5, true, true, true)]
    [InlineData(PositionKind.Sinusoidal, 0.01, 5, false, false)]
    [InlineData(PositionKind.Rotary, 0.0, 1000, false, false)]
    [InlineData(PositionKind.Rotary, 0.0, 1000, true, false)]
    [InlineData(PositionKind.Sinusoidal, 0.0, 1000, true, false)]
    [InlineData(PositionKind.Rotary, 0.0, 1000, true, true)]
    [InlineData(PositionKind.ScaledSinusoidal, 0.01, 5, false, true)]
    public void Accumulate_SeveralMicrobatchesOfSeveralSizes_GivesAutogradsGradients(PositionKind positions, double zLoss, int headChunk, bool queryKeyNorm, bool scalars, bool modernBert = false)
    {
        Recipe recipe = TestRecipes.Tiny(TestRecipes.TinyShape with { Positions = positions, QueryKeyNorm = queryKeyNorm, ResidualScalars = scalars, Layers = scalars ? 3 : 2, FirstAttentionNorm = !modernBert, HeadTransform = modernBert });
        recipe = recipe with { Training = recipe.Training with { ZLoss = zLoss } };
        using var eager = new EagerEngine(recipe, 64, CPU);
        using FusedEngine fused = Plain(recipe, rows: 3, masked: 16, headChunk);
        Unsettle(eager);
        fused.Load(eager.Weights(), fused.OptimizerState());
        MaskedMicrobatch[] microbatches = [Random(3, 12, 1), Random(2, 5, 2), Random(3, 9, 3)];
        foreach (MaskedMicrobatch m in microbatches)
        {
            Assert.True(Goldens.RelativeError(eager.Accumulate(m, 0.5), fused.Accumulate(m, 0.5)) < (zLoss > 0 ? 1 : Tolerance));
        }

        Goldens.AssertClose(eager.Gradients, Gradients(fused), scalars ? 20 * Tolerance : Tolerance); // a scalar's gradient is a sum in which much cancels
    }

    [Theory]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    [InlineData(OptimizerKind.NorMuon)]
    public void Step_SeveralSteps_TracksTheEagerEngine(OptimizerKind kind)
    {
        OptimizerRecipe optimizer = new(kind, 1e-3, 0.9, 0.98, 1e-12, 0.01);
        optimizer = kind == OptimizerKind.AdamW ? optimizer
            : optimizer with { MuonLearningRate = 0.02, MuonMomentumStart = 0.85, MuonMomentumSteps = 3, MuonCautiousDecay = kind == OptimizerKind.NorMuon };
        Recipe recipe = TestRecipes.Tiny(optimizer: optimizer);
        using var eager = new EagerEngine(recipe, 64, CPU);
        using FusedEngine fused = Plain(recipe, rows: 3, masked: 16);
        fused.Load(eager.Weights(), eager.OptimizerState());
        for (int i = 0; i < 4; i++)
        {
            foreach (IPretrainingEngine engine in (IPretrainingEngine[])[eager, fused])
            {
                engine.Accumulate(Random(3, 12, i), 0.5);
                engine.Accumulate(Random(3, 12, 100 + i), 0.5);
                engine.Step(0.7);
            }
        }

        Assert.Equal(4, fused.OptimizerState()["step"].item<long>());
        Goldens.AssertClose(eager.Weights(), fused.Weights(), 1e-3);
        Assert.Equal(eager.OptimizerState().Keys.Order(), fused.OptimizerState().Keys.Order());
        Assert.True(Goldens.RelativeError(eager.Evaluate(Random(3, 12, 9)), fused.Evaluate(Random(3, 12, 9))) < 1e-4);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.05)]
    public void Step_ResidualScalars_HaveTheirOwnLearningRateAndNoDecay(double? rate)
    {
        OptimizerRecipe optimizer = new(OptimizerKind.AdamW, 1e-3, 0.9, 0.98, 1e-12, WeightDecay: 5, ScalarLearningRate: rate);
        Recipe recipe = TestRecipes.Tiny(TestRecipes.TinyShape with { ResidualScalars = true }, optimizer);
        using var eager = new EagerEngine(recipe, 64, CPU);
        using FusedEngine fused = Plain(recipe, rows: 3, masked: 16);
        fused.Load(eager.Weights(), eager.OptimizerState());
        foreach (IPretrainingEngine engine in (IPretrainingEngine[])[eager, fused])
        {
            engine.Accumulate(Random(3, 12, 1), 1);
            engine.Step(1);
            // The first step of Adam moves by the learning rate whatever the gradient is; what the scalars decayed by would be 5 times as much.
            Assert.All(engine.Weights()["residual_scalars"].data<float>().ToArray(), x => Assert.Equal(rate ?? 1e-3, Math.Abs(x - 1), 1e-5));
            Assert.All(engine.Weights()["embedding_scalars"].data<float>().ToArray(), x => Assert.Equal(rate ?? 1e-3, Math.Abs(x), 1e-5));
        }

        Goldens.AssertClose(eager.Weights(), fused.Weights(), 1e-3);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Accumulate_Float8_FirstMicrobatchIsExactAndTheNextIsClose(bool modern)
    {
        Recipe recipe = TestRecipes.Tiny(modern
            ? TestRecipes.TinyShape with { Positions = PositionKind.Rotary, QueryKeyNorm = true, ResidualScalars = true, FirstAttentionNorm = false, HeadTransform = true }
            : TestRecipes.TinyShape);
        Recipe narrow = recipe with { Training = recipe.Training with { Precision = PrecisionKind.Float8 } };
        using var eager = new EagerEngine(recipe, 64, CPU);
        using FusedEngine fused = Plain(narrow, rows: 3, masked: 16), again = Plain(narrow, rows: 3, masked: 16);
        Unsettle(eager);
        foreach (FusedEngine engine in (FusedEngine[])[fused, again])
        {
            engine.Load(eager.Weights(), engine.OptimizerState());
        }

        Assert.True(Goldens.RelativeError(eager.Accumulate(Random(3, 12, 1), 1), fused.Accumulate(Random(3, 12, 1), 1)) < Tolerance);
        Goldens.AssertClose(eager.Gradients, Gradients(fused), modern ? 20 * Tolerance : Tolerance);
        eager.Step(0);
        fused.Step(0);
        double exact = eager.Accumulate(Random(3, 12, 2), 1).item<float>(), close = fused.Accumulate(Random(3, 12, 2), 1).item<float>();
        Assert.NotEqual(exact, close);
        Assert.Equal(exact, close, 0.02 * exact);
        Assert.All(eager.Gradients.Where(g => !g.Key.EndsWith("_scalars", StringComparison.Ordinal)), g => Assert.True(Norm(g.Value - fused.GradientOf(g.Key)) < 0.3 * Norm(g.Value), g.Key));

        again.Accumulate(Random(3, 12, 1), 1);
        again.Step(0);
        Assert.Equal(close, again.Accumulate(Random(3, 12, 2), 1).item<float>());

        static double Norm(Tensor t) => t.norm().item<float>();
    }

    [Fact]
    public void Evaluate_Float8_LeavesTrainingAsItWas()
    {
        Recipe recipe = TestRecipes.Tiny(), narrow = recipe with { Training = recipe.Training with { Precision = PrecisionKind.Float8 } };
        using FusedEngine measured = Plain(narrow, rows: 3, masked: 16), plain = Plain(narrow, rows: 3, masked: 16);
        using var start = new EagerEngine(recipe, 64, CPU);
        measured.Load(start.Weights(), start.OptimizerState());
        plain.Load(start.Weights(), start.OptimizerState());
        for (int step = 0; step < 3; step++)
        {
            foreach (FusedEngine engine in (FusedEngine[])[measured, plain])
            {
                engine.Accumulate(Random(3, 12, step), 1);
                engine.Step(1);
            }

            for (int i = 0; i < 20; i++)
            {
                measured.Evaluate(Random(3, 12, 100 + i));
            }
        }

        Assert.All(plain.Weights(), pair => Assert.True(pair.Value.Equals(measured.Weights()[pair.Key]), pair.Key));
    }

    [Theory]
    [InlineData(false, 1.0, 1.0)]
    [InlineData(false, 1.0625, 1.0)] // halfway, to even
    [InlineData(false, 1.1875, 1.25)]
    [InlineData(false, 500.0, 448.0)]
    [InlineData(false, 0.001953125, 0.001953125)] // the smallest e4m3
    [InlineData(false, 0.0009, 0.0)]
    [InlineData(true, -1.126, -1.25)]
    [InlineData(true, 1e6, 57344.0)]
    [InlineData(true, 1.52587890625e-05, 1.52587890625e-05)] // the smallest e5m2
    public void Rounded_Float8_IsTheNearestValue(bool gradient, double value, double expected) =>
        Assert.Equal(expected, PlainStages.Rounded(tensor(value), gradient).item<double>());

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Load_Float8AfterSomeMicrobatches_GoesOnBitwiseTheSame(int microbatches)
    {
        Recipe recipe = TestRecipes.Tiny(), narrow = recipe with { Training = recipe.Training with { Precision = PrecisionKind.Float8 } };
        using FusedEngine first = Plain(narrow, rows: 3, masked: 16), second = Plain(narrow, rows: 3, masked: 16);
        using var start = new EagerEngine(recipe, 64, CPU);
        first.Load(start.Weights(), start.OptimizerState());
        for (int i = 0; i < microbatches; i++)
        {
            first.Accumulate(Random(3, 12, i), 1);
            first.Step(1);
        }

        second.Accumulate(Random(3, 12, 50), 1); // what it has seen of other weights must not matter
        second.Load(first.Weights(), first.OptimizerState());
        Assert.Equal(first.Evaluate(Random(3, 12, 60)).item<float>(), second.Evaluate(Random(3, 12, 60)).item<float>());
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(first.Accumulate(Random(3, 12, 70 + i), 1).item<float>(), second.Accumulate(Random(3, 12, 70 + i), 1).item<float>());
            first.Step(1);
            second.Step(1);
        }

        Assert.All(first.Weights(), pair => Assert.True(pair.Value.Equals(second.Weights()[pair.Key]), pair.Key));
    }

    [Fact]
    public void Load_AnotherEnginesState_GoesOnBitwiseTheSame()
    {
        Recipe recipe = TestRecipes.Tiny();
        using FusedEngine first = Plain(recipe, rows: 3, masked: 16), second = Plain(recipe, rows: 3, masked: 16);
        using var start = new EagerEngine(recipe, 64, CPU);
        first.Load(start.Weights(), start.OptimizerState());
        first.Accumulate(Random(3, 12, 1), 1);
        first.Step(1);
        second.Load(first.Weights(), first.OptimizerState());
        foreach (FusedEngine engine in (FusedEngine[])[first, second])
        {
            engine.Accumulate(Random(3, 12, 2), 1);
            engine.Step(1);
        }

        Assert.All(first.Weights(), pair => Assert.True(pair.Value.Equals(second.Weights()[pair.Key])));
    }

    [Fact]
    public void Accumulate_MoreRowsThanMadeFor_SaysWhatItTakes()
    {
        using FusedEngine engine = Plain(TestRecipes.Tiny(), rows: 3, masked: 16);
        var error = Assert.Throws<ArgumentException>(() => engine.Accumulate(Random(4, 12, 1), 1));
        Assert.Contains("up to 3 rows of 16 tokens with 1 to 16 masked positions, got 4 rows", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PositionKind.Learned, 32, "architecture.positions Learned")]
    [InlineData(PositionKind.ScaledSinusoidal, 16, "rows have 16 tokens")]
    [InlineData(PositionKind.ScaledSinusoidal, 32, "the device is cpu")]
    public void TryCreate_WhatItLacks_IsNamed(PositionKind positions, int sequence, string reason)
    {
        Recipe tiny = TestRecipes.Tiny(TestRecipes.TinyShape with { HiddenSize = 64, Heads = 2, Positions = positions });
        tiny = tiny with { Corpus = tiny.Corpus with { SequenceLength = sequence } };
        Assert.False(FusedEngine.TryCreate(tiny, 64, CPU, null, out FusedEngine? engine, out string? whyNot));
        Assert.Null(engine);
        Assert.Contains(reason, whyNot, StringComparison.Ordinal);
    }

    private static FusedEngine Plain(Recipe recipe, int rows, int masked, int headChunk = 1000)
    {
        using var scope = NewDisposeScope(); // an engine outlives the scope that it is made in
        EncoderShape shape = EncoderShape.From(recipe.Architecture, 64, 16, out _)!;
        return new FusedEngine(new PlainStages(shape, CPU, float32, float32), recipe.Training, rows, masked, headChunk, maskedMultiple: 4);
    }

    /// <summary>Moves residual scalars from their start, where the embeddings' share would be nothing.</summary>
    private static void Unsettle(EagerEngine engine)
    {
        using var frozen = no_grad();
        foreach (var (name, weight) in engine.Weights().Where(pair => pair.Key.EndsWith("_scalars", StringComparison.Ordinal)))
        {
            weight.copy_(tensor(name[0] == 'r' ? new[] { 0.7f, 1.2f, 0.9f } : [0.3f, -0.2f, 0.5f]).narrow(0, 0, weight.shape[0]));
        }
    }

    private static Dictionary<string, Tensor> Gradients(FusedEngine engine) => engine.Weights().Keys.ToDictionary(name => name, engine.GradientOf);

    /// <summary>Random ids, padding (0) among them, and distinct masked positions.</summary>
    private static MaskedMicrobatch Random(int rows, int masked, int seed)
    {
        var random = new Random(seed);
        var m = new MaskedMicrobatch(rows, 16, masked);
        for (int i = 0; i < m.Ids.Length; i++)
        {
            m.Ids[i] = random.Next(64);
        }

        int[] positions = [.. Enumerable.Range(0, m.Ids.Length)];
        random.Shuffle(positions);
        positions.AsSpan(0, masked).CopyTo(m.Positions);
        for (int i = 0; i < masked; i++)
        {
            m.Labels[i] = random.Next(1, 64);
        }

        return m;
    }
}
