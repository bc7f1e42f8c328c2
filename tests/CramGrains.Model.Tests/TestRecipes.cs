using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests;

/// <summary>Small recipes that train in milliseconds.</summary>
internal static class TestRecipes
{
    public static readonly ArchitectureRecipe TinyShape = new(Layers: 2, HiddenSize: 32, Heads: 4, FeedForwardSize: 64, NormEpsilon: 1e-6);

    public static Recipe Tiny(
        ArchitectureRecipe? architecture = null, OptimizerRecipe? optimizer = null, int microbatch = 3, int batch = 3, long tokens = 16 * 3 * 20, double? hours = null) => new(
        Name: "tiny",
        Seed: 7,
        Corpus: new([new CorpusSource(CorpusSourceKind.DotnetReference)], TextNormalizerKind.Crammed, VocabularySize: 64, SequenceLength: 16, HeldOutFraction: 0.1),
        Architecture: architecture ?? TinyShape,
        Training: new(
            MaskFraction: 0.25, MicrobatchSize: microbatch, BatchSize: batch, BatchRampFraction: 0,
            Optimizer: optimizer ?? new(OptimizerKind.AdamW, 1e-3, 0.9, 0.98, 1e-12, 0.01), Schedule: new(ScheduleKind.Triangle2), GradientClipNorm: 0.5),
        HeldOut: new(Rows: 6, Evaluations: 0),
        Checkpoints: new(IntervalSeconds: 1e6, Keep: 2),
        FineTuning: new([], 1, 16, 4e-5, 5, 0.1, 0.1, 16),
        BudgetHours: hours,
        BudgetTokens: hours is null ? tokens : null);
}
