using System.Diagnostics;
using CramGrains.Model.Cuda;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>What one engine does with one microbatch size.</summary>
/// <param name="Engine">Name of the engine.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Microbatch">Rows (B).</param>
/// <param name="ForwardBackwardMs">Median time of a forward and backward pass, preparation of the microbatch included.</param>
/// <param name="TokensPerSecond">Forward and backward only.</param>
/// <param name="OptimizerMs">Median time of clipping and the optimizer.</param>
/// <param name="FirstStepSeconds">From making the engine to the end of its first optimizer step.</param>
/// <param name="PeakBytes">Bytes of the fast engine's buffers; null where the engine cannot say.</param>
/// <param name="Precision">Arithmetic of the products.</param>
public sealed record EngineMeasurement(
    string Engine, string Device, int Microbatch, double ForwardBackwardMs, double TokensPerSecond, double OptimizerMs, double FirstStepSeconds, long? PeakBytes,
    string Precision);

/// <summary>Times an engine on random tokens; the loss does not matter, the arithmetic is the same.</summary>
public static class EngineBenchmark
{
    private const int WarmUps = 2;

    /// <summary>Makes the engine, warms it up and measures.</summary>
    /// <param name="recipe">The run; its microbatch size is what is measured.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="device">Where.</param>
    /// <param name="fused">The fast engine instead of the plain one.</param>
    /// <param name="samples">Timed samples; the median counts.</param>
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing.</param>
    /// <exception cref="NotSupportedException">The fast engine cannot train this recipe here; the message says why.</exception>
    public static EngineMeasurement Measure(Recipe recipe, int vocabularySize, torch.Device device, bool fused, int samples, string? cacheFolder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(device);
        using var scope = torch.NewDisposeScope();
        long started = Stopwatch.GetTimestamp();
        using IPretrainingEngine engine = Create(recipe, vocabularySize, device, fused, cacheFolder);
        MaskedMicrobatch microbatch = RandomMicrobatch(recipe, vocabularySize, seed: 0);
        DeviceTiming.Run(() => engine.Accumulate(microbatch, 1), 1);
        DeviceTiming.Run(() => engine.Step(1e-3), 1);
        double firstStep = Stopwatch.GetElapsedTime(started).TotalSeconds;
        (double pass, double speed) = Passes(engine, recipe, samples);
        double step = DeviceTiming.Median(samples, WarmUps, () => engine.Step(1e-3));
        return new(engine.Name, device.ToString(), microbatch.Rows, pass, speed, step, firstStep, (engine as FusedEngine)?.AllocatedBytes,
            recipe.Training.Precision == PrecisionKind.Float8 ? "float8" : Precision.ComputeType(recipe.Training.Precision, device).ToString().ToLowerInvariant());
    }

    /// <summary>Median of forward and backward of a warm engine.</summary>
    internal static (double Milliseconds, double TokensPerSecond) Passes(IPretrainingEngine engine, Recipe recipe, int samples)
    {
        MaskedMicrobatch microbatch = RandomMicrobatch(recipe, recipe.Corpus.VocabularySize, seed: 0);
        double pass = DeviceTiming.Median(samples, WarmUps, () => engine.Accumulate(microbatch, 1.0 / DeviceTiming.InFlight));
        return (pass, (long)microbatch.Rows * microbatch.SequenceLength / pass * 1e3);
    }

    /// <summary>The chosen engine, or the reason why not.</summary>
    internal static IPretrainingEngine Create(Recipe recipe, int vocabularySize, torch.Device device, bool fused, string? cacheFolder) =>
        !fused ? new EagerEngine(recipe, vocabularySize, device)
        : FusedEngine.TryCreate(recipe, vocabularySize, device, cacheFolder, out FusedEngine? engine, out string? whyNot) ? engine!
        : throw new NotSupportedException(whyNot);

    /// <summary>Random words with the recipe's fraction of distinct masked positions, four fifths of them [MASK] (4), as in training.</summary>
    internal static MaskedMicrobatch RandomMicrobatch(Recipe recipe, int vocabularySize, int seed)
    {
        var random = new Random(seed);
        int rows = recipe.Training.MicrobatchSize, length = recipe.Corpus.SequenceLength;
        var microbatch = new MaskedMicrobatch(rows, length, Math.Max(1, (int)(recipe.Training.MaskFraction * rows * length)));
        for (int i = 0; i < microbatch.Ids.Length; i++)
        {
            microbatch.Ids[i] = random.Next(5, vocabularySize);
        }

        int[] positions = [.. Enumerable.Range(0, microbatch.Ids.Length)];
        random.Shuffle(positions);
        for (int i = 0; i < microbatch.MaskedCount; i++)
        {
            (microbatch.Positions[i], microbatch.Labels[i]) = (positions[i], microbatch.Ids[positions[i]]);
            if (i % 5 != 0)
            {
                microbatch.Ids[positions[i]] = 4;
            }
        }

        return microbatch;
    }
}
