using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>All fine-tunings of one task: its data once, then every seed.</summary>
/// <remarks>The paper's protocol: one setting for all tasks, the last step's weights, the median over seeds (Cramming, section 5).</remarks>
public static class GlueProtocol
{
    /// <summary>Fine-tunes a model on a task with each seed in turn.</summary>
    /// <param name="recipe">The one setting for all tasks.</param>
    /// <param name="model">The model.</param>
    /// <param name="data">The task.</param>
    /// <param name="seeds">Seeds to run.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="progress">Progress and notes of each.</param>
    /// <param name="done">Told of each as it ends, before the model is disposed; may keep it.</param>
    /// <param name="cancellation">Asked before every step.</param>
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing, and every fine-tuning compiles.</param>
    /// <exception cref="ArgumentException">The weights do not fit the architecture or the vocabulary.</exception>
    /// <exception cref="NonFiniteFineTuningLossException">The loss stopped being a number.</exception>
    public static void Run(
        FineTuningRecipe recipe, PretrainedEncoder model, GlueData data, IEnumerable<int> seeds, Device device, IProgress<TrainingEvent>? progress,
        Action<FineTuningResult, FineTunedModel> done, CancellationToken cancellation, string? cacheFolder = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(seeds);
        ArgumentNullException.ThrowIfNull(done);
        foreach (int seed in seeds)
        {
            var (result, tuned) = FineTuner.Train(
                recipe, model.Architecture, model.Weights, model.TextEncoder, data, seed, device, progress, cancellation, pairSeparators: model.PairSeparators, cacheFolder: cacheFolder);
            using (tuned)
            {
                done(result, tuned);
            }
        }
    }
}

/// <summary>A score with the seed that gave it.</summary>
/// <param name="Score">The score.</param>
/// <param name="Seed">The seed; null for a baseline that has none.</param>
public sealed record SeededScore(GlueScore Score, int? Seed);

/// <summary>One model's scores: every seed, the medians, and the named averages.</summary>
/// <param name="Model">Name for people.</param>
/// <param name="Scores">Every score.</param>
public sealed record GlueResults(string Model, IReadOnlyList<SeededScore> Scores)
{
    /// <summary>Medians over the seeds, with their spread.</summary>
    public IReadOnlyList<GlueMedian> Medians => GlueMedian.Over(Scores.Select(score => score.Score));

    /// <summary>The three averages.</summary>
    public IReadOnlyList<GlueAverage> Averages => GlueAverages.Over(Scores.Select(score => score.Score));
}
