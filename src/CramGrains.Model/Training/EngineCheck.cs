using CramGrains.Model.Cuda;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>How far the fast engine is from the plain model in float32: one number a parameter, and the loss.</summary>
/// <param name="LossPlain">Loss of the plain model.</param>
/// <param name="LossFused">Loss of the fast engine on the same weights and microbatch.</param>
/// <param name="GradientErrors">Relative error of each parameter's gradient, largest first.</param>
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
        fused.LoadWeights(plain.Weights());
        double lossPlain = 0, lossFused = 0;
        for (int seed = 1; seed <= 2; seed++)
        {
            var microbatch = EngineBenchmark.RandomMicrobatch(recipe, vocabularySize, seed);
            lossPlain += plain.Accumulate(microbatch, 0.5).item<float>() / 2; // sync
            lossFused += fused.Accumulate(microbatch, 0.5).item<float>() / 2; // sync
        }

        var errors = plain.Gradients.Select(g => (g.Key, Error(g.Value, fused.GradientOf(g.Key) / fused.LossFactor))).OrderByDescending(e => e.Item2).ToList();
        float[] first = Losses(recipe, vocabularySize, device, cacheFolder), second = Losses(recipe, vocabularySize, device, cacheFolder);
        return new(lossPlain, lossFused, errors, first.SequenceEqual(second));
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
