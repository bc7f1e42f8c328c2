using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>Fine-tunes a pretrained encoder on one GLUE task with one seed and scores it once, after the last step (Cramming, section 4.5).</summary>
/// <remarks>
/// The same seed on the same device gives the same scores: the shuffle stream, the head's start (init) and the dropout stream all come from it. Dropout
/// draws from torch's generator of the whole process in the plain engine, so one process runs one fine-tuning at a time.
/// Differs from the reference, unless the recipe is faithful: the warm-up is a fraction of each task's own steps, no example is dropped, and single
/// sentences have one separator.
/// </remarks>
public static class FineTuner
{
    private const int LongestReport = 50; // steps between reports, each of which waits for the device

    /// <summary>Trains on a task and scores its dev files.</summary>
    /// <param name="recipe">The one setting for all tasks.</param>
    /// <param name="architecture">The encoder's shape.</param>
    /// <param name="pretrainedWeights">Weights by state-dict name, on any device, only read; null takes the untrained model, a baseline.</param>
    /// <param name="encoder">The vocabulary that the weights were trained with.</param>
    /// <param name="glueFolder">The folder that holds the official GLUE folders.</param>
    /// <param name="task">The task.</param>
    /// <param name="seed">Root of the random streams.</param>
    /// <param name="device">Where to compute: float32 on the CPU, bfloat16 with float32 weights on a GPU.</param>
    /// <param name="progress">Receives <see cref="FineTuningProgress"/> and notes, on this thread.</param>
    /// <param name="cancellation">Asked before every step.</param>
    /// <param name="time">Clock for the reported speed; null takes the system's.</param>
    /// <param name="pairSeparators">Separators between the sentences of a pair; RoBERTa has two.</param>
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing, and every start compiles.</param>
    /// <exception cref="GlueException">The data cannot be used.</exception>
    /// <exception cref="ArgumentException">The weights do not fit the architecture or the vocabulary; the message names the tensor.</exception>
    /// <exception cref="NonFiniteFineTuningLossException">The loss stopped being a number.</exception>
    public static FineTuningResult Run(
        FineTuningRecipe recipe, ArchitectureRecipe architecture, IReadOnlyDictionary<string, Tensor>? pretrainedWeights, ITextEncoder encoder,
        string glueFolder, GlueTaskName task, int seed, Device device, IProgress<TrainingEvent>? progress, CancellationToken cancellation,
        TimeProvider? time = null, int pairSeparators = 1, string? cacheFolder = null)
    {
        var data = GlueReader.Read(glueFolder, task);
        var (result, model) = Train(
            recipe, architecture, pretrainedWeights, encoder, data, seed, device, progress, cancellation, time, pairSeparators, cacheFolder);
        model.Dispose();
        return result;
    }

    /// <summary>As <see cref="Run"/>, on data already read, and hands the trained model over; the caller disposes it.</summary>
    public static (FineTuningResult Result, FineTunedModel Model) Train(
        FineTuningRecipe recipe, ArchitectureRecipe architecture, IReadOnlyDictionary<string, Tensor>? pretrainedWeights, ITextEncoder encoder, GlueData data,
        int seed, Device device, IProgress<TrainingEvent>? progress, CancellationToken cancellation, TimeProvider? time = null,
        int pairSeparators = 1, string? cacheFolder = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(data);
        time ??= TimeProvider.System;
        ReportBrokenRows(data, progress);

        // Streams: shuffle from .NET's seeded generator, init from a generator of its own, dropout from torch's or, in the fast engine, from a counter.
        var shuffle = new Random(seed);
        int[] order = Permutation(shuffle, data.Train.Examples.Count);
        if (recipe.MaximumTrainExamples is { } maximum && maximum < order.Length)
        {
            order = order[..maximum];
        }

        var model = FineTuningModelFactory.Make(
            recipe, architecture, pretrainedWeights, encoder, data.Task, seed, device, pairSeparators, cacheFolder,
            note => progress?.Report(new TrainingNote(note)));
        try
        {
            random.manual_seed(seed);
            var examples = model.Encode([.. order.Select(i => data.Train.Examples[i])], cancellation);
            var plan = new FineTuningPlan(recipe, examples.Count);
            long started = time.GetTimestamp();
            double finalLoss = Fit(recipe, plan, model, examples, shuffle, progress, cancellation);
            double seconds = time.GetElapsedTime(started).TotalSeconds;

            bool subset = data.Train.IsSubset || examples.Count < data.Train.Examples.Count;
            var scores = data.Evaluations.SelectMany(split => Score(model, split, subset || split.IsSubset, cancellation)).ToList();
            int brokenRows = data.Evaluations.Prepend(data.Train).Sum(split => split.BrokenRows);
            long seen = Math.Min(plan.TotalSteps * recipe.BatchSize, (long)examples.Count * recipe.Epochs);
            return (new(data.Task.Name, seed, scores, examples.Count, data.Evaluations.Sum(split => split.Examples.Count), brokenRows,
                plan.TotalSteps, seconds, seconds > 0 ? seen / seconds : 0, finalLoss), model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The training loop.</summary>
    /// <returns>The mean loss of the last report.</returns>
    private static double Fit(
        FineTuningRecipe recipe, FineTuningPlan plan, FineTunedModel model, EncodedExamples examples, Random shuffle,
        IProgress<TrainingEvent>? progress, CancellationToken cancellation)
    {
        using var losses = new LossWindow(model.Task.Id, plan, (int)Math.Clamp(plan.TotalSteps / 20, 1, LongestReport), model.Device);
        int[] order = [];
        for (long step = 0; step < plan.TotalSteps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int batch = (int)(step % plan.StepsPerEpoch);
            if (batch == 0)
            {
                order = Permutation(shuffle, examples.Count);
            }

            using var scope = NewDisposeScope();
            int start = batch * recipe.BatchSize;
            var rows = order.AsSpan(start, Math.Min(recipe.BatchSize, order.Length - start));
            var loss = model.Step(examples, rows, plan.LearningRate(step));
            if (losses.Add(loss))
            {
                progress?.Report(new FineTuningProgress(step + 1, plan.TotalSteps, losses.Mean));
            }
        }

        return losses.Mean;
    }

    private static IEnumerable<GlueScore> Score(FineTunedModel model, GlueSplit split, bool subset, CancellationToken cancellation) => model.Task.IsRegression
        ? GlueScore.OfValues(model.Task, split, model.PredictScores(split.Examples, cancellation), subset)
        : GlueScore.OfClasses(model.Task, split, model.PredictClasses(split.Examples, cancellation), subset);

    private static int[] Permutation(Random stream, int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        stream.Shuffle(order);
        return order;
    }

    private static void ReportBrokenRows(GlueData data, IProgress<TrainingEvent>? progress)
    {
        foreach (var split in data.Evaluations.Prepend(data.Train).Where(split => split.BrokenRows > 0))
        {
            progress?.Report(new TrainingNote($"{split.Path}: passed over {split.BrokenRows} rows without all columns, as the official loaders do."));
        }
    }
}
