using System.Text.Json;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Reads back what <see cref="CrammedExport"/> wrote.</summary>
internal static class CrammedImport
{
    /// <param name="folder">The model's folder, for messages.</param>
    /// <param name="config">Its config.json.</param>
    /// <param name="tensors">Its tensors; those that are taken over are copies.</param>
    public static ImportedModel Read(string folder, ConfigFile config, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var shape = new ArchitectureRecipe(
            Layers: config.Layers("num_hidden_layers"),
            HiddenSize: config.Integer("hidden_size"),
            Heads: config.Heads("num_attention_heads", config.Integer("hidden_size")),
            FeedForwardSize: config.Integer("intermediate_size"),
            FeedForward: Value<FeedForwardKind>(config, "feed_forward"),
            NormPlacement: Value<NormPlacement>(config, "norm_placement"),
            Norm: Value<NormKind>(config, "norm"),
            NormEpsilon: config.Number("norm_eps", 1e-12),
            Positions: Value<PositionKind>(config, "positions"),
            AttentionBias: config.Flag("attention_bias", false),
            FeedForwardBias: config.Flag("feed_forward_bias", false),
            EmbeddingNorm: config.Flag("embedding_norm", true),
            FinalNorm: config.Flag("final_norm", true),
            TieEmbeddings: config.Flag("tie_word_embeddings", true),
            HeadTransform: config.Flag("head_transform", false),
            DecoderBias: config.Flag("decoder_bias", false),
            QueryKeyNorm: config.Flag("query_key_norm", false),
            InitializationStd: config.Number("initializer_range", 0.02),
            FirstAttentionNorm: config.Flag("first_attention_norm", true),
            SegmentTypes: config.Integer("type_vocab_size"),
            ResidualScalars: config.Flag("residual_scalars", false));
        var vocabulary = ImportedVocabulary.Read(folder);
        var source = new TensorSource(Path.Combine(folder, "model.safetensors"), tensors);
        int maximumLength = config.Integer("max_position_embeddings");

        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var weights = WeightShapes.Of(shape, config.Integer("vocab_size"), maximumLength).Keys
            .ToDictionary(name => name, name => source.Take(CrammedExport.Name(name)));
        vocabulary.CheckRows(folder, weights["word.weight"].shape[0]);
        return source.Finish("CramGrains", shape, maximumLength, weights, vocabulary, pairSeparators: 1);
    }

    private static T Value<T>(ConfigFile config, string key) where T : struct, Enum
    {
        string text = config.Text(key, "");
        foreach (var value in Enum.GetValues<T>())
        {
            if (JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString()) == text)
            {
                return value;
            }
        }

        throw config.Wrong(key, string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.KebabCaseLower.ConvertName)));
    }
}
