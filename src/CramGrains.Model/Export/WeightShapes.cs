using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Names and shapes of a model's weights, without making the model.</summary>
internal static class WeightShapes
{
    /// <summary>Every weight of an architecture.</summary>
    /// <param name="shape">The architecture.</param>
    /// <param name="vocabularySize">Rows of the word embedding (V).</param>
    /// <param name="maximumLength">Rows of a learned position table.</param>
    public static Dictionary<string, long[]> Of(ArchitectureRecipe shape, long vocabularySize, long maximumLength)
    {
        long d = shape.HiddenSize, f = shape.FeedForwardSize;
        bool gated = shape.FeedForward is FeedForwardKind.GeluGated or FeedForwardKind.SwishGated;
        var shapes = new Dictionary<string, long[]> { ["word.weight"] = [vocabularySize, d] };
        Add(shape.Positions == PositionKind.ScaledSinusoidal, "pos_scale", 1);
        Add(shape.Positions == PositionKind.Learned, "positions.weight", maximumLength, d);
        Add(shape.SegmentTypes > 0, "segments.weight", shape.SegmentTypes, d);
        Add(shape.ResidualScalars, Modules.CrammedBert.ResidualScalars, shape.Layers);
        Add(shape.ResidualScalars, Modules.CrammedBert.EmbeddingScalars, shape.Layers);
        Norm(shape.EmbeddingNorm, "emb_norm");
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            Norm(layer > 0 || shape.FirstAttentionNorm, $"layers.{layer}.norm1");
            Dense($"layers.{layer}.qkv", 3 * d, d, shape.AttentionBias);
            Dense($"layers.{layer}.out", d, d, shape.AttentionBias);
            Norm(true, $"layers.{layer}.norm2");
            Dense($"layers.{layer}.ffn_in", f, d, shape.FeedForwardBias);
            Dense($"layers.{layer}.ffn_out", d, gated ? f / 2 : f, shape.FeedForwardBias);
        }

        Norm(shape.FinalNorm, "final_norm");
        if (shape.HeadTransform)
        {
            Dense("head.dense", d, d, shape.FeedForwardBias);
            Norm(true, "head.norm");
        }

        Add(!shape.TieEmbeddings, "decoder.weight", vocabularySize, d);
        Add(shape.DecoderBias, "decoder.bias", vocabularySize);
        return shapes;

        void Add(bool present, string name, params long[] extents)
        {
            if (present)
            {
                shapes.Add(name, extents);
            }
        }

        void Norm(bool present, string name)
        {
            Add(present, name + ".weight", d);
            Add(present && shape.Norm == NormKind.LayerNorm, name + ".bias", d);
        }

        void Dense(string name, long outputs, long inputs, bool bias)
        {
            Add(true, name + ".weight", outputs, inputs);
            Add(bias, name + ".bias", outputs);
        }
    }

    /// <summary>Refuses weights that are not exactly those of an architecture.</summary>
    /// <param name="origin">Where the weights are from, for the message.</param>
    /// <param name="expected">What <see cref="Of"/> says.</param>
    /// <param name="weights">What there is.</param>
    /// <exception cref="ExportException">A tensor is missing, unknown or has another shape.</exception>
    public static void Check(string origin, Dictionary<string, long[]> expected, IReadOnlyDictionary<string, Tensor> weights)
    {
        foreach (var (name, extents) in expected)
        {
            if (!weights.TryGetValue(name, out var tensor))
            {
                throw new ExportException($"{origin}: the tensor {name} is missing. The weights belong to another architecture.");
            }

            if (!tensor.shape.SequenceEqual(extents))
            {
                throw new ExportException(
                    $"{origin}: {name} must have shape [{string.Join(", ", extents)}], got [{string.Join(", ", tensor.shape)}]. The weights belong to another architecture.");
            }
        }

        if (weights.Keys.FirstOrDefault(name => !expected.ContainsKey(name)) is { } unknown)
        {
            throw new ExportException($"{origin}: the tensor {unknown} has no place in this architecture.");
        }
    }
}
