using System.Text.Json.Nodes;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Writes a post-norm model as <c>BertForMaskedLM</c>.</summary>
/// <remarks>
/// Exact additions: biases that the model has not are zeros; fixed sinusoidal positions become the learned table that they equal; without a
/// segment table, both of BERT's segments are zeros.
/// </remarks>
internal static class BertExport
{
    private const int Segments = 2; // tokenizers number the second sentence 1

    public static JsonObject Config(ModelToExport model)
    {
        var shape = model.Architecture;
        return new()
        {
            ["architectures"] = new JsonArray("BertForMaskedLM"),
            ["model_type"] = "bert",
            ["vocab_size"] = model.EmbeddingRows,
            ["hidden_size"] = shape.HiddenSize,
            ["num_hidden_layers"] = shape.Layers,
            ["num_attention_heads"] = shape.Heads,
            ["intermediate_size"] = shape.FeedForwardSize,
            ["hidden_act"] = shape.FeedForward == FeedForwardKind.Relu ? "relu" : "gelu",
            ["hidden_dropout_prob"] = model.FineTuning.Dropout,
            ["attention_probs_dropout_prob"] = model.FineTuning.Dropout,
            ["max_position_embeddings"] = model.MaximumLength,
            ["type_vocab_size"] = Math.Max(shape.SegmentTypes, Segments),
            ["initializer_range"] = shape.InitializationStd,
            ["layer_norm_eps"] = shape.NormEpsilon,
            ["pad_token_id"] = SpecialTokens.Pad,
            ["tie_word_embeddings"] = shape.TieEmbeddings,
        };
    }

    /// <summary>The tensors by their names there, in the caller's dispose scope.</summary>
    public static Dictionary<string, Tensor> Tensors(ModelToExport model)
    {
        var (shape, weights, names) = (model.Architecture, model.Weights, BertNames.Bert);
        var tensors = new Dictionary<string, Tensor>
        {
            [names.Word] = weights["word.weight"],
            [names.Positions] = PositionTable(model),
            [names.Segments] = weights.TryGetValue("segments.weight", out var segments)
                ? shape.SegmentTypes >= Segments ? segments : cat([segments, segments])
                : zeros(Segments, shape.HiddenSize),
            [names.DecoderBias] = weights.TryGetValue("decoder.bias", out var bias) ? bias : zeros(model.EmbeddingRows),
        };
        foreach (var (ours, theirs) in names.EncoderModules(shape.Layers).Concat(names.HeadModules))
        {
            tensors[theirs + ".weight"] = weights[ours + ".weight"];
            tensors[theirs + ".bias"] = Bias(ours);
        }

        for (int layer = 0; layer < shape.Layers; layer++)
        {
            var matrices = weights[$"layers.{layer}.qkv.weight"].chunk(3, 0); // three of [D, D]
            var biases = Bias($"layers.{layer}.qkv").chunk(3, 0); // three of [D]
            foreach (var (part, theirs) in names.QueryKeyValue(layer).Index())
            {
                tensors[theirs + ".weight"] = matrices[part];
                tensors[theirs + ".bias"] = biases[part];
            }
        }

        if (!shape.TieEmbeddings)
        {
            tensors[names.DecoderWeight] = weights["decoder.weight"];
            tensors["cls.predictions.decoder.bias"] = tensors[names.DecoderBias]; // read in place of the other once embeddings are untied
        }

        return tensors;

        Tensor Bias(string ours) => weights.TryGetValue(ours + ".bias", out var own) ? own : zeros(weights[ours + ".weight"].shape[0]);
    }

    private static Tensor PositionTable(ModelToExport model)
    {
        if (model.Architecture.Positions == PositionKind.Learned)
        {
            return model.Weights["positions.weight"];
        }

        var table = Positions.Sinusoids(model.MaximumLength, model.Architecture.HiddenSize); // [S, D]
        return model.Weights.TryGetValue("pos_scale", out var scale) ? table * scale.cpu() : table;
    }
}
