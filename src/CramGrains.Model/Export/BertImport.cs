using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Reads checkpoints of BERT and RoBERTa.</summary>
/// <remarks>
/// RoBERTa's positions start after its padding id, so the first rows of its table go; its only segment stands at every token and is added to the
/// positions. Both are exact for real tokens. A file without the masked-language-model head gives a model without one.
/// </remarks>
internal static class BertImport
{
    /// <param name="folder">The model's folder, for messages.</param>
    /// <param name="config">Its config.json.</param>
    /// <param name="tensors">Its tensors; those that are taken over are copies.</param>
    /// <param name="roberta">RoBERTa instead of BERT.</param>
    public static ImportedModel Read(string folder, ConfigFile config, IReadOnlyDictionary<string, Tensor> tensors, bool roberta)
    {
        config.OneOf("position_embedding_type", "absolute", "absolute");
        config.MustBeOff("is_decoder");
        var names = roberta ? BertNames.Roberta : BertNames.Bert;
        var source = new TensorSource(Path.Combine(folder, "model.safetensors"), Canonical(tensors, names));
        bool head = source.Has(names.Transform + ".weight");
        var vocabulary = ImportedVocabulary.Read(folder);
        int firstPosition = roberta ? config.Integer("pad_token_id") + 1 : 0;
        int maximumLength = config.Integer("max_position_embeddings") - firstPosition;
        int segmentTypes = config.Integer("type_vocab_size");
        var shape = new ArchitectureRecipe(
            Layers: config.Layers("num_hidden_layers"),
            HiddenSize: config.Integer("hidden_size"),
            Heads: config.Heads("num_attention_heads", config.Integer("hidden_size")),
            FeedForwardSize: config.Integer("intermediate_size"),
            FeedForward: config.OneOf("hidden_act", "gelu", "gelu", "relu") == "relu" ? FeedForwardKind.Relu : FeedForwardKind.Gelu,
            NormPlacement: NormPlacement.Post,
            NormEpsilon: config.Number("layer_norm_eps", 1e-12),
            Positions: PositionKind.Learned,
            AttentionBias: true,
            FeedForwardBias: true,
            FinalNorm: false,
            TieEmbeddings: !head || config.Flag("tie_word_embeddings", true),
            HeadTransform: head,
            DecoderBias: head,
            InitializationStd: config.Number("initializer_range", 0.02),
            SegmentTypes: segmentTypes == 1 ? 0 : segmentTypes);

        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var words = source.Take(names.Word);
        vocabulary.CheckRows(folder, words.shape[0]);
        var positions = source.Take(names.Positions).slice(0, firstPosition, firstPosition + maximumLength, 1); // [S, D]
        var weights = new Dictionary<string, Tensor> { ["word.weight"] = vocabulary.Reorder(words), ["positions.weight"] = positions };
        if (shape.SegmentTypes > 0)
        {
            weights["segments.weight"] = source.Take(names.Segments);
        }
        else if (segmentTypes == 1)
        {
            var segments = source.Take(names.Segments);
            weights["positions.weight"] = segments.shape is [1, var width] && width == shape.HiddenSize ? positions + segments
                : throw config.Wrong("type_vocab_size", $"the rows of {names.Segments}, which has shape [{string.Join(", ", segments.shape)}]");
        }

        foreach (var (ours, theirs) in names.EncoderModules(shape.Layers).Concat(head ? names.HeadModules : []))
        {
            weights[ours + ".weight"] = source.Take(theirs + ".weight");
            weights[ours + ".bias"] = source.Take(theirs + ".bias");
        }

        for (int layer = 0; layer < shape.Layers; layer++)
        {
            string[] parts = names.QueryKeyValue(layer);
            weights[$"layers.{layer}.qkv.weight"] = cat([.. parts.Select(part => source.Take(part + ".weight"))]); // [3 D, D]
            weights[$"layers.{layer}.qkv.bias"] = cat([.. parts.Select(part => source.Take(part + ".bias"))]); // [3 D]
        }

        if (head)
        {
            weights["decoder.bias"] = vocabulary.Reorder(source.Take(names.DecoderBias));
        }

        if (!shape.TieEmbeddings)
        {
            weights["decoder.weight"] = vocabulary.Reorder(source.Take(names.DecoderWeight));
        }

        return source.Finish(roberta ? "RoBERTa" : "BERT", shape, maximumLength, weights, vocabulary, pairSeparators: roberta ? 2 : 1);
    }

    /// <summary>One spelling for what files spell in several ways: encoders saved without prefix, and norms of the first converted checkpoints.</summary>
    private static Dictionary<string, Tensor> Canonical(IReadOnlyDictionary<string, Tensor> tensors, BertNames names)
    {
        bool bare = !tensors.ContainsKey(names.Word);
        return tensors.ToDictionary(
            tensor =>
            {
                string name = tensor.Key.Replace(".LayerNorm.gamma", ".LayerNorm.weight", StringComparison.Ordinal)
                    .Replace(".LayerNorm.beta", ".LayerNorm.bias", StringComparison.Ordinal);
                return bare && (name.StartsWith("embeddings.", StringComparison.Ordinal) || name.StartsWith("encoder.", StringComparison.Ordinal)) ? names.Prefix + name : name;
            },
            tensor => tensor.Value);
    }
}
