using CramGrains.Model.Cuda;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>How far the fast engine is from the plain model in float32: one number a parameter, and the loss.</summary>
/// <param name="LossPlain">Loss of the plain model.</param>
/// <param name="LossFused">Loss of the fast engine on the same weights and microbatch.</param>
/// <param name="GradientErrors">Relative error of each parameter's gradient but the residual scalars', largest first.</param>
/// <param name="SameSeedSameLosses">Two engines from one seed gave bitwise the same losses for several steps.</param>
public sealed record EngineAgreement(double LossPlain, double LossFused, IReadOnlyList<(string Parameter, double Error)> GradientErrors, bool SameSeedSameLosses);

/// <summary>Holds the fast engine to the plain model on the device at hand.</summary>
public static class EngineCheck
{
    /// <summary>Two microbatches through both engines, then several steps of two fast engines.</summary>
    /// <exception cref="NotSupportedException">The fast engine cannot train this recipe here; the message says why.</exception>
    public static EngineAgreement Compare(Recipe recipe, int vocabularySize, Device device, string? cacheFolder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        using var scope = NewDisposeScope();
        Recipe precise = recipe with { Training = recipe.Training with { Precision = PrecisionKind.Float32 } };
        using var plain = new EagerEngine(precise, vocabularySize, device);
        using var fused = (FusedEngine)EngineBenchmark.Create(recipe, vocabularySize, device, fused: true, cacheFolder);
        Unsettle(plain.Weights());
        fused.LoadWeights(plain.Weights());
        double lossPlain = 0, lossFused = 0;
        for (int seed = 1; seed <= 2; seed++)
        {
            var microbatch = EngineBenchmark.RandomMicrobatch(recipe, vocabularySize, seed);
            lossPlain += plain.Accumulate(microbatch, 0.5).item<float>() / 2; // sync
            lossFused += fused.Accumulate(microbatch, 0.5).item<float>() / 2; // sync
        }

        // With fresh weights nearly all of a residual scalar's gradient cancels, and in bfloat16 noise is left; KernelCheck holds their sums, on inputs that are given.
        var errors = plain.Gradients.Where(g => !CrammedBert.IsScalar(g.Key)).Select(g => (g.Key, Error(g.Value, fused.GradientOf(g.Key) / fused.LossFactor))).OrderByDescending(e => e.Item2).ToList();
        float[] first = Losses(recipe, vocabularySize, device, cacheFolder), second = Losses(recipe, vocabularySize, device, cacheFolder);
        return new(lossPlain, lossFused, errors, first.SequenceEqual(second));
    }

    /// <summary>Moves residual scalars from their start, at which the embeddings' share would be nothing.</summary>
    private static void Unsettle(IReadOnlyDictionary<string, Tensor> weights)
    {
        using var frozen = no_grad();
        foreach (var (name, weight) in weights.Where(pair => CrammedBert.IsScalar(pair.Key)))
        {
            weight.add_(arange(weight.shape[0], float32, weight.device).sin() * 0.2 + 0.3);
        }
    }

    private static float[] Losses(Recipe recipe, int vocabularySize, Device device, string? cacheFolder)
    {
        using var engine = EngineBenchmark.Create(recipe, vocabularySize, device, fused: true, cacheFolder);
        var losses = new float[5];
        for (int i = 0; i < losses.Length; i++)
        {
            using var scope = NewDisposeScope();
            losses[i] = engine.Accumulate(EngineBenchmark.RandomMicrobatch(recipe, vocabularySize, i), 1).item<float>(); // sync
            engine.Step(0.1);
        }

        return losses;
    }

    private static double Error(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        Tensor e = expected.to(float64);
        double error = ((actual.to(float64) - e).norm() / (e.norm() + 1e-30)).item<double>(); // sync
        return double.IsNaN(error) ? double.PositiveInfinity : error;
    }
}
