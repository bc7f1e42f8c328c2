using CramGrains.Model.Recipes;

namespace CramGrains.Model.Cuda;

/// <summary>Sizes of the encoder. L layers, D hidden size, H heads of K, F feed-forward width before gating, V vocabulary, S tokens per row.</summary>
internal sealed record EncoderShape(int Layers, int Hidden, int Heads, int FeedForward, int Vocabulary, int Sequence, float Epsilon, bool LearnedPositionScale = true,
    bool Rotary = false, bool QueryKeyNorm = false, bool ResidualScalars = false, bool FirstAttentionNorm = true, bool HeadTransform = false)
{
    /// <summary>Queries and keys are changed between their product and attention.</summary>
    public bool TurnsHeads => Rotary || QueryKeyNorm;

    public int HeadSize => Hidden / Heads;

    public int Half => FeedForward / 2;

    /// <summary>Norms: two a layer, of which the first may be left out, the embeddings', the final one, and that of a head transform, in that order.</summary>
    public int Norms => HeadNorm + (HeadTransform ? 1 : 0);

    public int EmbeddingNorm => (2 * Layers) - LeftOut;

    public int FinalNorm => EmbeddingNorm + 1;

    public int HeadNorm => EmbeddingNorm + 2;

    private int LeftOut => FirstAttentionNorm ? 0 : 1;

    /// <summary>The norm before a layer's attention, or null where there is none.</summary>
    public int? AttentionNorm(int layer) => layer > 0 || FirstAttentionNorm ? (2 * layer) - LeftOut : null;

    /// <summary>The norm before a layer's feed-forward.</summary>
    public int FeedForwardNorm(int layer) => (2 * layer) + 1 - LeftOut;

    /// <summary>A norm's name in the state dictionary.</summary>
    public string NormName(int norm)
    {
        int inLayers = norm + LeftOut;
        return norm == EmbeddingNorm ? "emb_norm" : norm == FinalNorm ? "final_norm" : norm == HeadNorm ? "head.norm" : $"layers.{inLayers / 2}.norm{(inLayers % 2) + 1}";
    }

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
            ?? Unless(!a.DecoderBias, "architecture.decoder_bias")
            ?? Unless(a.SegmentTypes == 0, "architecture.segment_types above 0")
            ?? Unless(a.Dropout == 0, "architecture.dropout above 0");
        whyNot = missing is null ? null : $"it has no {missing}";
        return missing is null
            ? new EncoderShape(
                a.Layers, a.HiddenSize, a.Heads, a.FeedForwardSize, vocabulary, sequence, (float)a.NormEpsilon, a.Positions == PositionKind.ScaledSinusoidal,
                a.Positions == PositionKind.Rotary, a.QueryKeyNorm, a.ResidualScalars, a.FirstAttentionNorm, a.HeadTransform)
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
