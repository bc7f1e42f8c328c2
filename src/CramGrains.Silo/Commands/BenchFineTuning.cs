using CramGrains.Model.Training;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram bench --fine-tune</c>.</summary>
internal static class BenchFineTuning
{
    public static int Measure(BenchCommand.Bench bench, int[] lengths)
    {
        int most = bench.Recipe.FineTuning.MaximumLength;
        if (lengths.Any(length => length < 2 || length > most))
        {
            Console.Error.WriteLine($"--fine-tune takes 2 to {most} tokens (fine_tuning.maximum_length), got {string.Join(", ", lengths)}.");
            return 2;
        }

        bool any = false;
        foreach (int length in lengths)
        {
            any |= bench.ForEachEngine($"fine-tuning at {length} tokens", fused =>
            {
                FineTuningMeasurement m = FineTuningBenchmark.Measure(
                    bench.Recipe, bench.Recipe.Corpus.VocabularySize, bench.Device, fused, length, bench.Samples, bench.Cache);
                Console.Out.WriteLine(bench.Json
                    ? BenchCommand.Bench.Line(new { Mode = "fine-tune", m.Engine, m.Device, m.Batch, m.Length, m.StepMs, m.ForwardMs, m.ForwardBatch, m.FirstStepSeconds })
                    : $"{m.Engine,-6} {m.Device,-7} fine-tuning, batch {m.Batch} of up to {m.Length} tokens: step {m.StepMs:F2} ms  "
                        + $"forward of {m.ForwardBatch} examples {m.ForwardMs:F2} ms  first steps {m.FirstStepSeconds:F1} s");
            });
        }

        return any ? 0 : 1;
    }
}
