using CramGrains.Model.Recipes;

namespace CramGrains.Model.Cuda;

/// <summary>Sizes of the encoder. L layers, D hidden size, H heads of K, F feed-forward width before gating, V vocabulary, S tokens per row.</summary>
internal sealed record EncoderShape(int Layers, int Hidden, int Heads, int FeedForward, int Vocabulary, int Sequence, float Epsilon, bool LearnedPositionScale = true,
    bool Rotary = false, bool QueryKeyNorm = false, bool ResidualScalars = false)
{
    /// <summary>Queries and keys are changed between their product and attention.</summary>
    public bool TurnsHeads => Rotary || QueryKeyNorm;

    public int HeadSize => Hidden / Heads;

    public int Half => FeedForward / 2;

    /// <summary>Norms: two a layer, the embeddings' and the final one, in that order.</summary>
    public int Norms => (2 * Layers) + 2;

    public int EmbeddingNorm => 2 * Layers;

    public int FinalNorm => (2 * Layers) + 1;

    /// <summary>The shape, or, by name, the first option that the fast engine does not have.</summary>
    public static EncoderShape? From(ArchitectureRecipe a, int vocabulary, int sequence, out string? whyNot)
    {
        string? Unless(bool holds, string what) => holds ? null : what;
        string? missing =
            Unless(a.FeedForward == FeedForwardKind.GeluGated, $"architecture.feed_forward {a.FeedForward}")
            ?? Unless(a.NormPlacement == NormPlacement.Pre, $"architecture.norm_placement {a.NormPlacement}")
            ?? Unless(a.Norm == NormKind.LayerNorm, $"architecture.norm {a.Norm}")
            ?? Unless(a.Positions is PositionKind.ScaledSinusoidal or PositionKind.Sinusoidal or PositionKind.Rotary, $"architecture.positions {a.Positions}")
            ?? Unless(!a.AttentionBias, "architecture.attention_bias")
            ?? Unless(!a.FeedForwardBias, "architecture.feed_forward_bias")
            ?? Unless(a.EmbeddingNorm, "architecture.embedding_norm false")
            ?? Unless(a.FinalNorm, "architecture.final_norm false")
            ?? Unless(a.TieEmbeddings, "architecture.tie_embeddings false")
            ?? Unless(!a.HeadTransform, "architecture.head_transform")
            ?? Unless(!a.DecoderBias, "architecture.decoder_bias")
            ?? Unless(a.FirstAttentionNorm, "architecture.first_attention_norm false")
            ?? Unless(a.SegmentTypes == 0, "architecture.segment_types above 0")
            ?? Unless(a.Dropout == 0, "architecture.dropout above 0");
        whyNot = missing is null ? null : $"it has no {missing}";
        return missing is null
            ? new EncoderShape(
                a.Layers, a.HiddenSize, a.Heads, a.FeedForwardSize, vocabulary, sequence, (float)a.NormEpsilon, a.Positions == PositionKind.ScaledSinusoidal,
                a.Positions == PositionKind.Rotary, a.QueryKeyNorm, a.ResidualScalars)
            : null;
    }

    /// <summary>What the kernels cannot do with these sizes, or null.</summary>
    public string? WhyNotOnGpu() =>
        HeadSize is not (32 or 64) ? $"attention heads have {HeadSize} channels, and its kernels take 32 or 64"
        : Sequence % 32 != 0 || Sequence is < 32 or > 128 ? $"rows have {Sequence} tokens, and its attention takes 32, 64, 96 or 128"
        : Hidden % 64 != 0 || Hidden > 1024 ? $"the hidden size is {Hidden}, and its kernels take multiples of 64 up to 1,024"
        : Half % 8 != 0 ? $"the feed-forward width is {FeedForward}, and its kernels take multiples of 16"
        : Vocabulary % 8 != 0 || Vocabulary > 65536 ? $"the vocabulary has {Vocabulary} entries, and its kernels take multiples of 8 up to 65,536"
        : null;
}
