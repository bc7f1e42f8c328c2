using CramGrains.Model.Cuda;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Silo.Commands;

/// <summary>The checks of <c>cram bench</c>: engine against engine, kernel against twin.</summary>
internal static class BenchChecks
{
    private const double GradientTolerance = 3e-2, MixedTolerance = 5e-2, Float8Tolerance = 0.25;

    /// <summary>Loss and gradients of two layers, and equal losses from equal seeds.</summary>
    public static bool Engines(BenchCommand.Bench bench)
    {
        Recipe recipe = bench.Recipe;
        Recipe small = recipe with
        {
            Architecture = recipe.Architecture with { Layers = 2 },
            Training = recipe.Training with { MicrobatchSize = Math.Min(8, recipe.Training.MicrobatchSize), BatchSize = Math.Min(8, recipe.Training.MicrobatchSize) },
        };
        try
        {
            EngineAgreement a = EngineCheck.Compare(small, recipe.Corpus.VocabularySize, bench.Device, bench.Cache);
            Console.Error.WriteLine($"check: loss {a.LossPlain:F5} plain, {a.LossFused:F5} fused; same seed, same losses: {a.SameSeedSameLosses}; gradient errors, largest first:");
            foreach ((string name, double error) in a.GradientErrors)
            {
                Console.Error.WriteLine($"  {name,-28} {error:E2}");
            }

            double tolerance = recipe.Training.Precision == PrecisionKind.Float8 ? Float8Tolerance
                : recipe.Architecture.ResidualScalars ? MixedTolerance : GradientTolerance; // each mix rounds the stream once more
            return a.SameSeedSameLosses && a.GradientErrors.All(e => e.Error < tolerance);
        }
        catch (Exception error) when (error is NotSupportedException or CudaException)
        {
            Console.Error.WriteLine($"check: {error.Message}");
            return false;
        }
    }

    /// <summary>Every kernel on the recipe's shape and on odd ones.</summary>
    public static int Kernels(BenchCommand.Bench bench, int? asCapability)
    {
        bool half = bench.Recipe.Training.Precision == PrecisionKind.Float16;
        ArchitectureRecipe one = bench.Recipe.Architecture with { Layers = 1 };
        (ArchitectureRecipe Shape, int Vocabulary, int Sequence, int Rows)[] shapes =
        [
            (one, bench.Recipe.Corpus.VocabularySize, bench.Recipe.Corpus.SequenceLength, 5),
            (one with { HiddenSize = 64, Heads = 2, FeedForwardSize = 272 }, 264, 32, 3),
            (one with { HiddenSize = 320, Heads = 5, FeedForwardSize = 1280 }, 1000, 96, 7),
        ];
        bool passed = true;
        foreach (var (shape, vocabulary, sequence, rows) in shapes)
        {
            string size = $"D={shape.HiddenSize} H={shape.Heads} F={shape.FeedForwardSize} V={vocabulary} S={sequence} B={rows}";
            try
            {
                foreach (KernelAgreement k in KernelCheck.Run(shape, vocabulary, sequence, rows, bench.Device, bench.Cache, half, asCapability))
                {
                    passed &= k.Passed;
                    Console.Out.WriteLine(bench.Json
                        ? BenchCommand.Bench.Line(new { Shape = size, k.Kernel, k.Error, k.Tolerance, k.Passed })
                        : $"{(k.Passed ? "PASS" : "FAIL")}  {k.Error:E2} of {k.Tolerance:E0}  {k.Kernel}  ({size})");
                }
            }
            catch (Exception error) when (error is NotSupportedException or CudaException)
            {
                Console.Error.WriteLine($"FAIL  {size}: {error.Message}");
                passed = false;
            }
        }

        Console.Out.WriteLine(passed ? "All kernels agree with their twins." : "Some kernels do not agree with their twins.");
        return passed ? 0 : 1;
    }
}
