using CramGrains.Model.Training;

namespace CramGrains.Model.Recipes;

/// <summary>What a recipe costs and how far its budget goes, by the paper's count. What needs an unknown is null.</summary>
/// <param name="Recipe">Name of the recipe.</param>
/// <param name="Track">What it competes in; see <see cref="PaperTrack.Of"/>.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="FlopsPerToken">Model operations of one training token, forward and backward, averaged over the budget where the mask fraction changes.</param>
/// <param name="Hours">Training wall-clock: the budget's, or what the budget takes at <paramref name="TokensPerSecond"/>.</param>
/// <param name="PeakTeraflops">Peak of the device.</param>
/// <param name="PeakExaflop">What the device could do at its peak in <paramref name="Hours"/>: the paper's measure of a budget.</param>
/// <param name="ModelFlopsUtilization">Fraction of the peak spent on model operations.</param>
/// <param name="TokensPerSecond">Training speed.</param>
/// <param name="Tokens">Tokens that the budget reads.</param>
/// <param name="ModelExaflop">Model operations that the budget does, in 1e18.</param>
/// <param name="Epochs">Passes over the corpus.</param>
/// <param name="StateBytes">Weights, gradients and optimizer state, float32.</param>
/// <param name="ActivationBytes">About what one microbatch keeps for its backward pass, at two bytes a value without recomputation.</param>
public sealed record RunEstimate(
    string Recipe, string Track, long Parameters, double FlopsPerToken, double? Hours, double? PeakTeraflops, double? PeakExaflop, double? ModelFlopsUtilization,
    double? TokensPerSecond, double? Tokens, double? ModelExaflop, double? Epochs, long StateBytes, long ActivationBytes)
{
    private const double Tera = 1e12, Exa = 1e18;

    /// <summary>Estimates a run.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="peakTeraflops">Peak of the device; see <see cref="GpuPeaks"/>.</param>
    /// <param name="utilization">Expected fraction of the peak, in (0, 1]; give this or a speed, not both.</param>
    /// <param name="tokensPerSecond">Measured speed.</param>
    /// <param name="corpusTokens">Training tokens of the corpus.</param>
    /// <exception cref="ArgumentException">A utilization and a speed, a utilization without a peak, or a value out of range.</exception>
    public static RunEstimate Of(
        Recipe recipe, double? peakTeraflops = null, double? utilization = null, double? tokensPerSecond = null, long? corpusTokens = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Positive("peak", peakTeraflops);
        Positive("tokens per second", tokensPerSecond);
        Positive("corpus tokens", corpusTokens);
        if (utilization is { } fraction && !(fraction is > 0 and <= 1))
        {
            throw new ArgumentException(FormattableString.Invariant($"The utilization must be in (0, 1], got {fraction}. Use 0.4 for 40 %."), nameof(utilization));
        }

        if (utilization is not null && (tokensPerSecond is not null || peakTeraflops is null))
        {
            throw new ArgumentException("A utilization needs a peak, and no measured speed beside it. Give a GPU, and one of the two.", nameof(utilization));
        }

        var (shape, training) = (recipe.Architecture, recipe.Training);
        long parameters = ModelCost.Parameters(shape, recipe.Corpus.VocabularySize, recipe.Corpus.SequenceLength);
        double masked = (training.MaskFraction + (training.MaskFractionEnd ?? training.MaskFraction)) / 2; // its fall is linear
        double flops = ModelCost.FlopsPerToken(shape, recipe.Corpus.VocabularySize, recipe.Corpus.SequenceLength, masked);
        double? speed = tokensPerSecond ?? utilization * peakTeraflops * Tera / flops;
        double? tokens = recipe.BudgetTokens ?? recipe.BudgetExaflop * Exa / flops ?? recipe.BudgetHours * 3600 * speed;
        double? hours = recipe.BudgetHours ?? tokens / speed / 3600;
        return new(
            recipe.Name, PaperTrack.Of(recipe), parameters, flops, hours, peakTeraflops,
            PeakExaflop: hours * 3600 * peakTeraflops * Tera / Exa,
            ModelFlopsUtilization: utilization ?? speed * flops / (peakTeraflops * Tera),
            speed, tokens,
            ModelExaflop: tokens * flops / Exa,
            Epochs: tokens / corpusTokens,
            State(recipe, parameters),
            Activations(recipe, masked));
    }

    /// <summary>Weight, gradient and two moments; Muon keeps one for the hidden matrices, NorMuon besides a value for each of their rows.</summary>
    private static long State(Recipe recipe, long parameters)
    {
        var shape = recipe.Architecture;
        long d = shape.HiddenSize, f = shape.FeedForwardSize;
        long hidden = shape.Layers * (4 * d * d + d * f + d * (Gated(shape) ? f / 2 : f));
        long rows = shape.Layers * (5 * d + f);
        OptimizerRecipe optimizer = recipe.Training.Optimizer;
        return 16 * parameters - (optimizer.UsesMuon ? 4 * hidden : 0) + (optimizer.Kind == OptimizerKind.NorMuon ? 4 * rows : 0);
    }

    // Per layer: both norms' inputs and outputs (4 D), queries, keys and values (3 D), attention's output (D), the feed-forward's width before and after
    // its activation (2 F). The attention kernel keeps no S x S matrix. Logits are float32, kept with their softmax and gradient.
    private static long Activations(Recipe recipe, double masked)
    {
        var shape = recipe.Architecture;
        long positions = (long)recipe.Training.MicrobatchSize * recipe.Corpus.SequenceLength;
        long layers = 2 * positions * shape.Layers * (8L * shape.HiddenSize + 2L * shape.FeedForwardSize);
        return layers + (long)(12 * masked * positions * recipe.Corpus.VocabularySize);
    }

    private static bool Gated(ArchitectureRecipe shape) => shape.FeedForward is FeedForwardKind.GeluGated or FeedForwardKind.SwishGated;

    private static void Positive(string what, double? value)
    {
        if (value is { } number && !(number > 0 && double.IsFinite(number)))
        {
            throw new ArgumentException(FormattableString.Invariant($"The {what} must be above 0, got {number}."));
        }
    }
}
