using System.Text.Json.Nodes;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Writes a pre-norm, gated, rotary model as <c>ModernBertForMaskedLM</c> with every layer global.</summary>
internal static class ModernBertExport
{
    private const string FullAttention = "full_attention";
    private const double RotaryBase = 10_000;

    public static JsonObject Config(ModelToExport model)
    {
        var shape = model.Architecture;
        string activation = shape.FeedForward == FeedForwardKind.SwishGated ? "silu" : "gelu";
        return new()
        {
            ["architectures"] = new JsonArray("ModernBertForMaskedLM"),
            ["model_type"] = "modernbert",
            ["vocab_size"] = model.EmbeddingRows,
            ["hidden_size"] = shape.HiddenSize,
            ["num_hidden_layers"] = shape.Layers,
            ["num_attention_heads"] = shape.Heads,
            ["intermediate_size"] = shape.FeedForwardSize / 2, // counted after gating
            ["hidden_activation"] = activation,
            ["classifier_activation"] = activation, // the head transform's
            ["max_position_embeddings"] = model.MaximumLength,
            ["norm_eps"] = shape.NormEpsilon,
            ["norm_bias"] = true,
            ["attention_bias"] = shape.AttentionBias,
            ["mlp_bias"] = shape.FeedForwardBias,
            ["classifier_bias"] = shape.FeedForwardBias,
            ["decoder_bias"] = shape.DecoderBias,
            ["tie_word_embeddings"] = shape.TieEmbeddings,
            ["layer_types"] = new JsonArray([.. Enumerable.Repeat(FullAttention, shape.Layers).Select(type => JsonValue.Create(type))]),
            ["rope_parameters"] = new JsonObject { [FullAttention] = Rope(), ["sliding_attention"] = Rope() },
            ["global_attn_every_n_layers"] = 1, // the older name of the same choice, and the two bases below
            ["global_rope_theta"] = RotaryBase,
            ["local_rope_theta"] = RotaryBase,
            ["attention_dropout"] = model.FineTuning.Dropout,
            ["embedding_dropout"] = model.FineTuning.Dropout,
            ["mlp_dropout"] = model.FineTuning.Dropout,
            ["classifier_dropout"] = model.FineTuning.Dropout,
            ["classifier_pooling"] = model.FineTuning.Pooling == PoolingKind.FirstToken ? "cls" : "mean",
            ["initializer_range"] = shape.InitializationStd,
            ["pad_token_id"] = SpecialTokens.Pad,
            ["bos_token_id"] = SpecialTokens.Classify,
            ["eos_token_id"] = SpecialTokens.Separator,
            ["cls_token_id"] = SpecialTokens.Classify,
            ["sep_token_id"] = SpecialTokens.Separator,
        };

        static JsonObject Rope() => new() { ["rope_type"] = "default", ["rope_theta"] = RotaryBase };
    }

    /// <summary>The tensors by their names there, in the caller's dispose scope.</summary>
    public static Dictionary<string, Tensor> Tensors(ModelToExport model)
    {
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (ours, tensor) in model.Weights)
        {
            // There the activated half comes first, here second.
            tensors[Name(ours)] = ours.Contains(".ffn_in.", StringComparison.Ordinal) ? cat([.. tensor.chunk(2, 0).Reverse()]) : tensor;
        }

        return tensors;
    }

    private static string Name(string ours)
    {
        int dot = ours.LastIndexOf('.');
        var (module, kind) = (ours[..dot], ours[dot..]);
        string[] parts = module.Split('.');
        return parts[0] switch
        {
            "word" => "model.embeddings.tok_embeddings" + kind,
            "emb_norm" => "model.embeddings.norm" + kind,
            "final_norm" => "model.final_norm" + kind,
            "layers" => $"model.layers.{parts[1]}." + parts[2] switch
            {
                "norm1" => "attn_norm",
                "qkv" => "attn.Wqkv",
                "out" => "attn.Wo",
                "norm2" => "mlp_norm",
                "ffn_in" => "mlp.Wi",
                "ffn_out" => "mlp.Wo",
                _ => throw new ArgumentOutOfRangeException(nameof(ours), ours, "Unknown weight."),
            } + kind,
            _ => ours, // head.dense, head.norm and decoder carry the same names
        };
    }
}
