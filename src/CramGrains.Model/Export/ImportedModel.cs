using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>A pretrained model from elsewhere, in our terms: ready for fine-tuning on GLUE, for filling masks, and for export.</summary>
/// <remarks>
/// Its vocabulary is reordered so that the five special tokens have our ids (<see cref="SpecialTokens"/>); rows of the embedding and of the decoder
/// moved along, so the outputs are the same.
/// </remarks>
public sealed class ImportedModel : IDisposable
{
    private readonly Dictionary<string, Tensor> _weights;

    internal ImportedModel(
        string kind, ArchitectureRecipe architecture, int maximumLength, Dictionary<string, Tensor> weights, ImportedVocabulary vocabulary, int pairSeparators,
        IReadOnlyList<string> ignored)
    {
        (Kind, Architecture, MaximumLength, _weights) = (kind, architecture, maximumLength, weights);
        (Encoder, Vocabulary, Normalizer, PairSeparators, Ignored) = (vocabulary.Encoder, vocabulary.Entries, vocabulary.Normalizer, pairSeparators, ignored);
    }

    /// <summary>What it was: <c>BERT</c>, <c>RoBERTa</c>, <c>cramming</c> (the reference's) or <c>CramGrains</c>.</summary>
    public string Kind { get; }

    /// <summary>The shape. <see cref="ArchitectureRecipe.HeadTransform"/> is false where the file has no masked-language-model head.</summary>
    public ArchitectureRecipe Architecture { get; }

    /// <summary>Tokens that an input may have, special tokens included.</summary>
    public int MaximumLength { get; }

    /// <summary>Weights by our state-dict names, float32 on the CPU; disposed with the model.</summary>
    public IReadOnlyDictionary<string, Tensor> Weights => _weights;

    /// <summary>Turns text into ids of the reordered vocabulary.</summary>
    public ITextEncoder Encoder { get; }

    /// <summary>The reordered vocabulary by id.</summary>
    public IReadOnlyList<string> Vocabulary { get; }

    /// <summary>How its text is normalised; null for byte-level vocabularies, which have no counterpart here and cannot be exported.</summary>
    public TextNormalizerKind? Normalizer { get; }

    /// <summary>Separators between the two sentences of a pair: one for BERT, two for RoBERTa.</summary>
    public int PairSeparators { get; }

    /// <summary>Whether the rows of its pretraining began with [CLS]: what an export of ours says, else true for BERT and RoBERTa alone.</summary>
    public bool StartsWithClassify { get; internal set; }

    /// <summary>Whether it can fill masks: a BERT or RoBERTa that was saved without its masked-language-model head cannot.</summary>
    public bool FillsMasks => Architecture.HeadTransform || Kind is not ("BERT" or "RoBERTa");

    /// <summary>Tensors of the file that have no use here, such as a pooler or buffers.</summary>
    public IReadOnlyList<string> Ignored { get; }

    /// <summary>A model with these weights, on the CPU, in evaluation mode; the caller disposes it.</summary>
    public CrammedBert Build()
    {
        int rows = (int)_weights["word.weight"].shape[0];
        using var scope = NewDisposeScope();
        var model = new CrammedBert(Architecture, rows, MaximumLength);
        TensorSet.Copy("imported weights", _weights, model.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter));
        model.eval();
        return model;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _weights.Values)
        {
            tensor.Dispose();
        }
    }
}
