using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram bench --loop</c> and <c>--curve</c>: short real runs.</summary>
internal static class BenchRuns
{
    /// <summary>The whole loop against forward and backward alone.</summary>
    public static int Loop(BenchCommand.Bench bench, double seconds, int[] sizes, string? tokens)
    {
        Recipe recipe = bench.Recipe;
        if (Rows(recipe, tokens) is not { } rows)
        {
            return 2;
        }

        bool any = false;
        foreach (int size in sizes.Length > 0 ? sizes : [recipe.Training.MicrobatchSize])
        {
            Recipe sized = recipe with { Training = recipe.Training with { MicrobatchSize = size, BatchSize = Math.Max(size, recipe.Training.BatchSize / size * size) } };
            any |= bench.ForEachEngine($"loop at microbatch {size}", fused =>
            {
                LoopMeasurement m = LoopBenchmark.Measure(sized, rows, bench.Device, fused, seconds, bench.Samples, bench.Cache);
                Console.Out.WriteLine(bench.Json
                    ? BenchCommand.Bench.Line(new
                    {
                        Mode = "loop", m.Engine, m.Device, m.Microbatch, m.Tokens, m.TrainingSeconds, m.LoopTokensPerSecond, m.PassTokensPerSecond, m.Fraction,
                        m.Checkpoints, m.CheckpointSeconds, m.FractionWithCheckpoints, m.FirstStepSeconds, m.LossFirst, m.LossLast,
                    })
                    : $"{m.Engine,-6} {m.Device,-7} microbatch {m.Microbatch,4}  loop {m.LoopTokensPerSecond:N0} tokens/s of {m.PassTokensPerSecond:N0} for the passes alone: {m.Fraction:P1}; "
                        + $"with checkpoints of {m.CheckpointSeconds:F1} s each {recipe.Checkpoints.IntervalSeconds:F0} s {m.FractionWithCheckpoints:P1}; "
                        + $"first step {m.FirstStepSeconds:F1} s after the process started; loss {m.LossFirst:F3} to {m.LossLast:F3}");
            });
        }

        return any ? 0 : 1;
    }

    /// <summary>The loss of each step, for a comparison with other programs.</summary>
    public static int Curve(BenchCommand.Bench bench, int steps, string? tokens, string? export)
    {
        if (Rows(bench.Recipe, tokens) is not { } rows)
        {
            return 2;
        }

        if (export is not null)
        {
            LossCurve.Export(bench.Recipe, rows, steps, export);
        }

        return bench.ForEachEngine($"loss curve of {steps} steps", fused =>
        {
            string engine = fused ? "fused" : "eager", precision = bench.Recipe.Training.Precision.ToString().ToLowerInvariant();
            float[] losses = LossCurve.Run(bench.Recipe, rows, bench.Device, fused, steps, bench.Cache);
            for (int step = 0; step < losses.Length; step++)
            {
                Console.Out.WriteLine(BenchCommand.Bench.Line(new { Engine = engine, Precision = precision, Step = step, Loss = losses[step] }));
            }
        }) ? 0 : 1;
    }

    private static MemoryRows? Rows(Recipe recipe, string? path)
    {
        try
        {
            int s = recipe.Corpus.SequenceLength;
            return path is not null ? MemoryRows.Open(path, s) : MemoryRows.Random(Math.Max(40_000, 2 * recipe.HeldOut.Rows), s, recipe.Corpus.VocabularySize, seed: 1);
        }
        catch (CorpusException error)
        {
            Console.Error.WriteLine(error.Message);
            return null;
        }
    }
}
