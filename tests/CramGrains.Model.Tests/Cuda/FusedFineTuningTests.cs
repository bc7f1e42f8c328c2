using CramGrains.Model.Cuda;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Cuda;

/// <summary>Fast fine-tuning on the plain twins of its kernels, against autograd and against its own finite differences, on the CPU.</summary>
public sealed class FusedFineTuningTests : IDisposable
{
    private const int Vocabulary = 64, Sequence = 32, Rows = 5;

    private static readonly FineTuningRecipe Recipe = new(
        [], Seeds: 1, BatchSize: Rows, LearningRate: 1e-3, Epochs: 1, WarmupFraction: 0, Dropout: 0, MaximumLength: Sequence, HeadSize: 24, WeightDecay: 0.01);

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static readonly ArchitectureRecipe Modern = TestRecipes.TinyShape with
    {
        Positions = PositionKind.Rotary, QueryKeyNorm = true, ResidualScalars = true, FirstAttentionNorm = false, HeadTransform = true, DecoderBias = true,
    };

    [Theory]
    [InlineData(GlueTaskName.Mnli, false)]
    [InlineData(GlueTaskName.Stsb, false)]
    [InlineData(GlueTaskName.Mnli, true)]
    public void Step_NoDropout_TracksThePlainEngine(GlueTaskName name, bool modern)
    {
        GlueTask task = GlueTask.Of(name);
        ArchitectureRecipe shape = modern ? Modern : TestRecipes.TinyShape;
        (CrammedBert bert, ClassificationHead head) = Model(task, shape);
        using FusedFineTuningEngine fused = Fused(task, Recipe, float32, Weights(bert, head), shape: shape);
        using var plain = new PlainFineTuningEngine(Recipe, task, bert, head, CPU);
        for (int step = 0; step < 4; step++)
        {
            EncodedExamples examples = Examples(task, seed: step);
            int[] rows = step == 2 ? [3, 1] : [0, 1, 2, 3, 4]; // an epoch's last batch is smaller
            Tensor expected = plain.Step(examples, rows, 1e-3), loss = fused.Step(examples, rows, 1e-3);
            Assert.True(Goldens.RelativeError(expected, loss) < 1e-4, $"Step {step}: {loss.item<float>()} instead of {expected.item<float>()}.");
            Assert.True(Goldens.RelativeError(plain.Outputs(examples, rows), fused.Outputs(examples, rows)) < 1e-3);
        }

        // Directions of gradients near zero differ by rounding, and Adam divides by their size; hence no tighter.
        Goldens.AssertClose(plain.Weights(), fused.Weights(), 2e-3);
    }

    [Theory]
    [InlineData(GlueTaskName.Mnli, 0.0)]
    [InlineData(GlueTaskName.Mnli, 0.2)]
    [InlineData(GlueTaskName.Stsb, 0.2)]
    [InlineData(GlueTaskName.Stsb, 0.2, true)]
    public void Step_Gradients_AreTheSlopesOfTheLoss(GlueTaskName name, double dropout, bool modern = false)
    {
        GlueTask task = GlueTask.Of(name);
        FineTuningRecipe recipe = Recipe with { Dropout = dropout };
        ArchitectureRecipe shape = modern ? Modern : TestRecipes.TinyShape;
        (CrammedBert bert, ClassificationHead head) = Model(task, shape);
        Dictionary<string, Tensor> weights = Weights(bert, head).ToDictionary(w => w.Key, w => w.Value.to(float64));
        EncodedExamples examples = Examples(task, seed: 1);
        int[] rows = [4, 0, 2];
        using FusedFineTuningEngine engine = Fused(task, recipe, float64, weights, shape: shape);
        engine.Step(examples, rows, 0);
        double Loss(string moved, Tensor by, double much)
        {
            var changed = new Dictionary<string, Tensor>(weights) { [moved] = weights[moved] + (by * much) };
            using FusedFineTuningEngine other = Fused(task, recipe, float64, changed, shape: shape);
            return other.Step(examples, rows, 0).item<double>();
        }

        var wrong = new List<string>();
        foreach (string parameter in weights.Keys.Where(key => !key.StartsWith("bert.head.", StringComparison.Ordinal) && !key.StartsWith("bert.decoder.", StringComparison.Ordinal)))
        {
            Tensor g = engine.GradientOf(parameter), direction = g / (g.norm() + 1e-30);
            double slope = (g * direction).sum().item<double>(), measured = (Loss(parameter, direction, 1e-4) - Loss(parameter, direction, -1e-4)) / 2e-4;
            if (Math.Abs(slope - measured) > 1e-5 * Math.Max(1e-2, Math.Abs(slope)))
            {
                wrong.Add($"{parameter}: the gradient says {slope:G6}, the loss moves by {measured:G6}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Step_SameSeed_DrawsTheSameDropoutAndAnotherSeedAnother()
    {
        GlueTask task = GlueTask.Of(GlueTaskName.Mnli);
        float[] Losses(int seed)
        {
            (CrammedBert bert, ClassificationHead head) = Model(task);
            using FusedFineTuningEngine engine = Fused(task, Recipe with { Dropout = 0.1 }, float32, Weights(bert, head), seed);
            return [.. Enumerable.Range(0, 3).Select(i => engine.Step(Examples(task, i), [0, 1, 2, 3, 4], 1e-3).item<float>())];
        }

        Assert.Equal(Losses(5), Losses(5));
        Assert.All(Losses(5).Zip(Losses(6)), pair => Assert.NotEqual(pair.First, pair.Second));
    }

    [Theory]
    [InlineData(0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)] // the published known answers
    [InlineData(0xffffffffu, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    public void Words_KnownAnswers_AreReproduced(uint all, uint a, uint b, uint c, uint d)
    {
        Tensor counter = full(1, (long)all, ScalarType.Int64);
        Assert.Equal([a, b, c, d], Philox.Words(counter, counter, all, all, all, all).data<long>().ToArray());
    }

    [Fact]
    public void Dropout_ManyElements_DropsTheFractionAndKeepsTheMean()
    {
        using PlainStages stages = Stages(float32, EncoderShape.From(TestRecipes.TinyShape, Vocabulary, Sequence, out _)!);
        Tensor x = ones(1000, 64), y = zeros(1000, 64), state = tensor([1, 2, 3]);
        var stream = DropoutStream.Of(state, 0.1)!;
        stages.Dropout(x, null, y, stream.At(9), 1000, 64);
        double dropped = y.eq(0).to(float32).mean().item<float>();
        Assert.InRange(dropped, 0.1 - 0.005, 0.1 + 0.005); // four deviations
        Assert.InRange(y.mean().item<float>(), 0.99, 1.01);
        Tensor other = zeros(1000, 64);
        stages.Dropout(x, null, other, stream.At(10), 1000, 64);
        Assert.False(y.Equals(other));
        Assert.Null(DropoutStream.Of(state, 0));
    }

    private static EncodedExamples Examples(GlueTask task, int seed)
    {
        var random = new Random(seed);
        int[][] ids = [.. Enumerable.Range(0, Rows).Select(i => Enumerable.Range(0, i == 0 && seed % 2 == 0 ? Sequence : random.Next(2, 17)).Select(_ => random.Next(5, Vocabulary)).ToArray())];
        return new EncodedExamples(ids, [.. ids.Select(_ => task.IsRegression ? random.NextDouble() * 5 : random.Next(task.Outputs))], Sequence);
    }

    private static (CrammedBert Bert, ClassificationHead Head) Model(GlueTask task, ArchitectureRecipe? shape = null)
    {
        var bert = new CrammedBert(shape ?? TestRecipes.TinyShape, Vocabulary, Sequence, seed: 3);
        using var generator = new Generator(9);
        var head = new ClassificationHead(Recipe, TestRecipes.TinyShape.HiddenSize, task.Outputs, 0.1, generator);
        using var frozen = no_grad();
        foreach (Tensor parameter in bert.parameters().Concat(head.parameters()))
        {
            parameter.add_(randn(parameter.shape, generator: generator) * 0.1); // away from the points where gradients vanish
        }

        return (bert, head);
    }

    private static Dictionary<string, Tensor> Weights(CrammedBert bert, ClassificationHead head) =>
        PlainFineTuningEngine.Weights(bert, head).ToDictionary(w => w.Key, w => w.Value.detach().clone());

    private static FusedFineTuningEngine Fused(GlueTask task, FineTuningRecipe recipe, ScalarType type, IReadOnlyDictionary<string, Tensor> weights, int seed = 1, ArchitectureRecipe? shape = null)
    {
        using var scope = NewDisposeScope(); // an engine outlives the scope that it is made in
        EncoderShape encoder = EncoderShape.From((shape ?? TestRecipes.TinyShape) with { HeadTransform = false, DecoderBias = false }, Vocabulary, Sequence, out _)!;
        var engine = new FusedFineTuningEngine(Stages(type, encoder), recipe, task, seed, Rows, padding: 16);
        engine.Load(weights);
        return engine;
    }

    private static PlainStages Stages(ScalarType type, EncoderShape shape) => new(shape, CPU, type, type);
}
