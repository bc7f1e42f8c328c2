using System.Globalization;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Reads checkpoints of the paper's own code (JonasGeiping/cramming, <c>crammed_bert.py</c>) by their key names.</summary>
/// <remarks>
/// There, query, key and value stand together within each head; here, within the whole matrix. Its default rotary class returns its input unturned
/// (embeddings.py), so <c>rotary_embedding: true</c> adds no positions and is read so.
/// </remarks>
internal static class ReferenceImport
{
    private const string Encoder = "encoder.", Embedding = "encoder.embedding.";

    /// <param name="folder">The model's folder, for messages.</param>
    /// <param name="arch">The reference's arch settings.</param>
    /// <param name="tensors">Its tensors; those that are taken over are copies.</param>
    public static ImportedModel Read(string folder, ConfigFile arch, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var shape = Shape(arch);
        var source = new TensorSource(Path.Combine(folder, "model.safetensors"), Canonical(tensors));
        var vocabulary = ImportedVocabulary.Read(folder);
        int maximumLength = arch.Section("embedding").Integer("max_seq_length");

        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var words = source.Take(source.Has(Embedding + "word_embedding.weight") ? Embedding + "word_embedding.weight" : "decoder.weight");
        vocabulary.CheckRows(folder, words.shape[0]);
        var weights = new Dictionary<string, Tensor> { ["word.weight"] = vocabulary.Reorder(words) };
        if (shape.Positions == PositionKind.ScaledSinusoidal)
        {
            weights["pos_scale"] = source.Take(Embedding + "pos_embedding.scale_factor").view(1);
        }
        else if (shape.Positions == PositionKind.Learned)
        {
            weights["positions.weight"] = source.Take(Embedding + "pos_embedding.embedding.weight");
        }

        Norm(shape.EmbeddingNorm, "emb_norm", Embedding + "norm");
        Norm(shape.FinalNorm, "final_norm", Encoder + "final_norm");
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            string ours = $"layers.{layer}.", theirs = $"{Encoder}layers.{layer}.";
            Norm(true, ours + "norm1", theirs + "norm1");
            Norm(true, ours + "norm2", theirs + "norm2");
            string qkv = theirs + "attn.self_attention.query_key_value";
            weights[ours + "qkv.weight"] = Ungroup(source.Take(qkv + ".weight"), shape);
            if (shape.AttentionBias)
            {
                weights[ours + "qkv.bias"] = source.Has(qkv + ".bias") ? Ungroup(source.Take(qkv + ".bias"), shape) : zeros(3 * shape.HiddenSize);
            }

            Dense(ours + "out", theirs + "attn.dense", shape.AttentionBias);
            Dense(ours + "ffn_in", theirs + "ffn.dense_in", shape.FeedForwardBias);
            Dense(ours + "ffn_out", theirs + "ffn.dense_out", shape.FeedForwardBias);
        }

        if (shape.HeadTransform)
        {
            Dense("head.dense", "prediction_head.dense", shape.FeedForwardBias);
            Norm(true, "head.norm", "prediction_head.norm");
        }

        if (shape.DecoderBias)
        {
            weights["decoder.bias"] = vocabulary.Reorder(source.Take("decoder.bias"));
        }

        return source.Finish("cramming", shape, maximumLength, weights, vocabulary, pairSeparators: 1);

        void Norm(bool present, string ours, string theirs)
        {
            if (!present)
            {
                return;
            }

            bool rms = shape.Norm == NormKind.RmsNorm;
            weights[ours + ".weight"] = source.Take(theirs + (rms ? ".learnable_scale" : ".weight"));
            if (!rms)
            {
                weights[ours + ".bias"] = source.Take(theirs + ".bias");
            }
        }

        void Dense(string ours, string theirs, bool bias)
        {
            var weight = weights[ours + ".weight"] = source.Take(theirs + ".weight");
            if (bias)
            {
                weights[ours + ".bias"] = source.Has(theirs + ".bias") ? source.Take(theirs + ".bias") : zeros(weight.shape[0]);
            }
        }
    }

    private static ArchitectureRecipe Shape(ConfigFile arch)
    {
        var (embedding, attention) = (arch.Section("embedding"), arch.Section("attention"));
        arch.OneOf("norm_scheme", "pre", "pre");
        attention.OneOf("type", "self-attention", "self-attention");
        attention.OneOf("sequence_op", "torch-softmax", "torch-softmax");
        attention.MustBeOff("causal_attention");
        attention.MustBeOff("skip_output_projection");
        embedding.MustBeOff("stable_low_precision");
        if (embedding.Integer("embedding_dim") != arch.Integer("hidden_size"))
        {
            throw embedding.Wrong("embedding_dim", $"the hidden_size {arch.Integer("hidden_size").ToString(CultureInfo.InvariantCulture)}");
        }

        bool bias = arch.Flag("use_bias", true);
        return new(
            Layers: arch.Layers("num_transformer_layers"),
            HiddenSize: arch.Integer("hidden_size"),
            Heads: attention.Heads("num_attention_heads", arch.Integer("hidden_size")),
            FeedForwardSize: arch.Integer("intermed_size"),
            FeedForward: arch.OneOf("nonlin", "GELUglu", "GELUglu", "SiLUglu", "GELU", "ReLU") switch
            {
                "GELUglu" => FeedForwardKind.GeluGated,
                "SiLUglu" => FeedForwardKind.SwishGated,
                "GELU" => FeedForwardKind.Gelu,
                _ => FeedForwardKind.Relu,
            },
            Norm: arch.OneOf("norm", "LayerNorm", "LayerNorm", "RMSNorm") == "RMSNorm" ? NormKind.RmsNorm : NormKind.LayerNorm,
            NormEpsilon: arch.Number("norm_eps", 1e-12),
            Positions: WhichPositions(embedding, attention),
            AttentionBias: bias || attention.Flag("qkv_bias", false),
            FeedForwardBias: bias,
            EmbeddingNorm: embedding.Flag("normalization", true),
            FinalNorm: arch.Flag("final_norm", true),
            HeadTransform: !arch.Flag("skip_head_transform", false),
            DecoderBias: arch.Flag("decoder_bias", false));
    }

    private static PositionKind WhichPositions(ConfigFile embedding, ConfigFile attention)
    {
        string table = embedding.Text("pos_embedding", "none");
        bool turned = attention.IsText("rotary_embedding"); // its working classes are chosen by name: sanity, v2, llama
        if (turned)
        {
            attention.OneOf("rotary_embedding", "", "sanity");
            return table == "none" ? PositionKind.Rotary : throw embedding.Wrong("pos_embedding", "null beside rotary positions");
        }

        return embedding.OneOf("pos_embedding", "none", "learned", "sinusoidal", "scaled-sinusoidal") switch
        {
            "learned" => PositionKind.Learned,
            "sinusoidal" => PositionKind.Sinusoidal,
            _ => PositionKind.ScaledSinusoidal,
        };
    }

    /// <summary><c>[H 3 K, ...]</c> to <c>[3 H K, ...]</c>.</summary>
    private static Tensor Ungroup(Tensor grouped, ArchitectureRecipe shape)
    {
        long h = shape.Heads, k = shape.HiddenSize / h;
        var heads = grouped.view(h, 3, k, -1); // [H, 3, K, D]; a bias has D = 1
        return heads.transpose(0, 1).reshape(grouped.shape); // [3 H K, D]
    }

    /// <summary>Names without what compilation and several processes put before them.</summary>
    private static Dictionary<string, Tensor> Canonical(IReadOnlyDictionary<string, Tensor> tensors) => tensors.ToDictionary(
        tensor => tensor.Key.Replace("_orig_mod.", "", StringComparison.Ordinal).Replace("module.", "", StringComparison.Ordinal),
        tensor => tensor.Value);
}
