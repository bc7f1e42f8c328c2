using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>A pretrained model with all that an exported folder says of it.</summary>
/// <param name="Architecture">The encoder's shape.</param>
/// <param name="Vocabulary">Entries by id, starting with the five special tokens; at most as many as the word embedding has rows.</param>
/// <param name="Normalizer">Normalisation of the text, which also decides how words are split.</param>
/// <param name="MaximumLength">Tokens that an input may have, special tokens included; the rows of a learned position table.</param>
/// <param name="Weights">Weights by state-dict name, on any device, only read.</param>
/// <param name="FineTuning">The classification head and dropout that a fine-tuning starts with.</param>
/// <param name="Card">What the model card says.</param>
public sealed record ModelToExport(
    ArchitectureRecipe Architecture,
    IReadOnlyList<string> Vocabulary,
    TextNormalizerKind Normalizer,
    int MaximumLength,
    IReadOnlyDictionary<string, Tensor> Weights,
    FineTuningRecipe FineTuning,
    ModelCard Card)
{
    private const string LearnedPositions = "positions.weight";

    /// <summary>The model of a run.</summary>
    /// <param name="recipe">The run's recipe.</param>
    /// <param name="vocabulary">Its corpus' vocabulary.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="card">What is known of the run; the recipe is added.</param>
    public static ModelToExport OfRun(
        Recipe recipe, IReadOnlyList<string> vocabulary, IReadOnlyDictionary<string, Tensor> weights, ModelCard? card = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(weights);
        int length = weights.TryGetValue(LearnedPositions, out var table)
            ? (int)table.shape[0]
            : Math.Max(recipe.Corpus.SequenceLength, recipe.FineTuning.MaximumLength);
        return new(
            recipe.Architecture, vocabulary, recipe.Corpus.Normalizer, length, weights, recipe.FineTuning,
            (card ?? new ModelCard(recipe.Name)) with { Recipe = recipe });
    }

    /// <summary>Rows of the word embedding (V), which an engine may have padded beyond the vocabulary.</summary>
    internal int EmbeddingRows => (int)Weights["word.weight"].shape[0];
}
