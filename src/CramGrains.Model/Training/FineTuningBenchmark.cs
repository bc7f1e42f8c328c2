using System.Diagnostics;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>What one engine does with one fine-tuning step and one evaluation batch.</summary>
/// <param name="Engine">Name of the engine.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Batch">Examples of a step.</param>
/// <param name="Length">Tokens of the longest example; the others are shorter.</param>
/// <param name="StepMs">Median time of forward, backward and AdamW, preparation of the batch included.</param>
/// <param name="ForwardMs">Median time of a forward pass of <paramref name="ForwardBatch"/> examples.</param>
/// <param name="ForwardBatch">Examples of an evaluation batch.</param>
/// <param name="FirstStepSeconds">From making the engine to the end of its second step, when everything is compiled and recorded.</param>
public sealed record FineTuningMeasurement(
    string Engine, string Device, int Batch, int Length, double StepMs, double ForwardMs, int ForwardBatch, double FirstStepSeconds);

/// <summary>Times fine-tuning on random tokens.</summary>
public static class FineTuningBenchmark
{
    private const int WarmUps = 3, Outputs = 2;

    /// <summary>Makes the engine with fresh weights, warms it up and measures.</summary>
    /// <param name="recipe">Its architecture and fine-tuning setting.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="device">Where.</param>
    /// <param name="fused">The fast engine instead of the plain one.</param>
    /// <param name="length">Tokens of the longest example.</param>
    /// <param name="samples">Timed samples of four steps; the median counts.</param>
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing.</param>
    /// <exception cref="NotSupportedException">The fast engine cannot fine-tune this recipe here; the message says why.</exception>
    public static FineTuningMeasurement Measure(Recipe recipe, int vocabularySize, torch.Device device, bool fused, int length, int samples, string? cacheFolder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        using var scope = torch.NewDisposeScope();
        long started = Stopwatch.GetTimestamp();
        string? whyNot = null;
        GlueTask task = GlueTask.Of(GlueTaskName.Mrpc);
        using IFineTuningEngine engine = FineTuningModelFactory.MakeEngine(
            recipe.FineTuning, recipe.Architecture, new NoText(vocabularySize), task, seed: 0, device, cacheFolder, note => whyNot = note, plain: !fused);
        if (fused && engine.Name != "fused")
        {
            throw new NotSupportedException(whyNot ?? $"The fast engine is not used for fine-tuning: the device is {device}.");
        }

        int batch = recipe.FineTuning.BatchSize, most = engine.MaximumRows;
        EncodedExamples examples = Random(Math.Max(batch, most), length, vocabularySize);
        int[] rows = [.. Enumerable.Range(0, batch)], all = [.. Enumerable.Range(0, most)];
        DeviceTiming.Run(() => engine.Step(examples, rows, 1e-5), 1);
        DeviceTiming.Run(() => engine.Step(examples, rows, 1e-5), 1);
        double first = Stopwatch.GetElapsedTime(started).TotalSeconds;
        double step = DeviceTiming.Median(samples, WarmUps, () => engine.Step(examples, rows, 1e-5)), forward = DeviceTiming.Median(samples, WarmUps, () => engine.Outputs(examples, all).max());
        return new(engine.Name, device.ToString(), batch, length, step, forward, most, first);
    }

    /// <summary>Examples of up to <paramref name="length"/> tokens, the first of them of exactly so many.</summary>
    internal static EncodedExamples Random(int count, int length, int vocabularySize)
    {
        var random = new Random(0);
        int[][] ids = [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, i == 0 ? length : random.Next(Math.Max(2, length / 4), length + 1))
            .Select(_ => random.Next(SpecialTokens.FirstWord, vocabularySize)).ToArray())];
        return new EncodedExamples(ids, [.. ids.Select(_ => (double)random.Next(Outputs))], length);
    }

    /// <summary>A vocabulary of which only the size matters.</summary>
    private sealed class NoText(int size) : ITextEncoder
    {
        public int VocabularySize => size;

        public IReadOnlyList<int> Encode(string text) => throw new NotSupportedException("A benchmark has ids, not text.");
    }
}
