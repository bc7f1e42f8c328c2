using System.Text.Json;
using System.Text.Json.Nodes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Writes any model for our own modelling file, which carries the same names as our state dict.</summary>
internal static class CrammedExport
{
    /// <summary>The Python files of the folder.</summary>
    public static IReadOnlyList<string> PythonFiles { get; } = ["configuration_crammed.py", "modelling_crammed.py"];

    public static JsonObject Config(ModelToExport model)
    {
        var shape = model.Architecture;
        return new()
        {
            ["architectures"] = new JsonArray("CrammedForMaskedLM"),
            ["auto_map"] = new JsonObject
            {
                ["AutoConfig"] = "configuration_crammed.CrammedConfig",
                ["AutoModel"] = "modelling_crammed.CrammedModel",
                ["AutoModelForMaskedLM"] = "modelling_crammed.CrammedForMaskedLM",
                ["AutoModelForSequenceClassification"] = "modelling_crammed.CrammedForSequenceClassification",
            },
            ["model_type"] = "crammed_bert",
            ["vocab_size"] = model.EmbeddingRows,
            ["hidden_size"] = shape.HiddenSize,
            ["num_hidden_layers"] = shape.Layers,
            ["num_attention_heads"] = shape.Heads,
            ["intermediate_size"] = shape.FeedForwardSize,
            ["max_position_embeddings"] = model.MaximumLength,
            ["type_vocab_size"] = shape.SegmentTypes,
            ["feed_forward"] = Kebab(shape.FeedForward),
            ["norm"] = Kebab(shape.Norm),
            ["norm_placement"] = Kebab(shape.NormPlacement),
            ["norm_eps"] = shape.NormEpsilon,
            ["positions"] = Kebab(shape.Positions),
            ["attention_bias"] = shape.AttentionBias,
            ["feed_forward_bias"] = shape.FeedForwardBias,
            ["embedding_norm"] = shape.EmbeddingNorm,
            ["first_attention_norm"] = shape.FirstAttentionNorm,
            ["final_norm"] = shape.FinalNorm,
            ["query_key_norm"] = shape.QueryKeyNorm,
            ["residual_scalars"] = shape.ResidualScalars,
            ["tie_word_embeddings"] = shape.TieEmbeddings,
            ["head_transform"] = shape.HeadTransform,
            ["decoder_bias"] = shape.DecoderBias,
            ["hidden_dropout_prob"] = model.FineTuning.Dropout,
            ["initializer_range"] = shape.InitializationStd,
            ["classifier_pooling"] = Kebab(model.FineTuning.Pooling),
            ["classifier_size"] = model.FineTuning.HeadSize,
            ["pad_token_id"] = SpecialTokens.Pad,
            ["cls_token_id"] = SpecialTokens.Classify,
            ["sep_token_id"] = SpecialTokens.Separator,
            ["mask_token_id"] = SpecialTokens.Mask,
        };
    }

    /// <summary>The tensors by their names there.</summary>
    public static Dictionary<string, Tensor> Tensors(ModelToExport model) => model.Weights.ToDictionary(weight => Name(weight.Key), weight => weight.Value);

    /// <summary>Copies our modelling files, which travel inside this assembly.</summary>
    public static void WritePython(string folder)
    {
        foreach (string file in PythonFiles)
        {
            using var source = typeof(CrammedExport).Assembly.GetManifestResourceStream($"CramGrains.Model.Export.Python.{file}")
                ?? throw new InvalidOperationException($"The resource {file} is not in the assembly.");
            using var target = File.Create(Path.Combine(folder, file));
            source.CopyTo(target);
        }
    }

    internal static string Name(string ours) => ours.StartsWith("head.", StringComparison.Ordinal) ? "transform." + ours["head.".Length..]
        : ours.StartsWith("decoder.", StringComparison.Ordinal) ? ours
        : "bert." + ours;

    private static string Kebab(Enum value) => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
