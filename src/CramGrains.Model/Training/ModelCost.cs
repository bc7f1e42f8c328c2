using CramGrains.Model.Recipes;

namespace CramGrains.Model.Training;

/// <summary>What a model costs, by the paper's count: parameters, and floating-point operations of a forward and backward pass.</summary>
/// <remarks>Six operations per weight and token (two forward, four backward) plus attention's two products; the head counts masked positions only.</remarks>
public static class ModelCost
{
    /// <summary>Trainable parameters.</summary>
    /// <param name="architecture">The shape.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="sequenceLength">Tokens per row (S); counts for learned positions only.</param>
    public static long Parameters(ArchitectureRecipe architecture, int vocabularySize, int sequenceLength)
    {
        long d = architecture.HiddenSize, f = architecture.FeedForwardSize, v = vocabularySize;
        long norm = architecture.Norm == NormKind.LayerNorm ? 2 * d : d;
        long skipped = architecture.FirstAttentionNorm ? 0 : norm;
        long layer = LayerMatrices(architecture) + 2 * norm
            + (architecture.AttentionBias ? 4 * d : 0)
            + (architecture.FeedForwardBias ? f + d : 0);
        long positions = architecture.Positions switch
        {
            PositionKind.ScaledSinusoidal => 1,
            PositionKind.Learned => sequenceLength * d,
            _ => 0,
        };
        long head = (architecture.HeadTransform ? d * d + norm + (architecture.FeedForwardBias ? d : 0) : 0)
            + (architecture.TieEmbeddings ? 0 : v * d)
            + (architecture.DecoderBias ? v : 0);
        long scalars = architecture.ResidualScalars ? 2 * architecture.Layers : 0;
        return v * d + positions + scalars + architecture.SegmentTypes * d + architecture.Layers * layer - skipped + (architecture.EmbeddingNorm ? norm : 0) + (architecture.FinalNorm ? norm : 0) + head;
    }

    /// <summary>Operations of one training token, forward and backward.</summary>
    /// <param name="architecture">The shape.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="sequenceLength">Tokens per row (S).</param>
    /// <param name="maskFraction">Fraction of positions that reach the head.</param>
    public static double FlopsPerToken(ArchitectureRecipe architecture, int vocabularySize, int sequenceLength, double maskFraction)
    {
        double d = architecture.HiddenSize, layers = architecture.Layers;
        double head = (double)vocabularySize * d + (architecture.HeadTransform ? d * d : 0);
        return 6 * layers * LayerMatrices(architecture) + 6 * head * maskFraction + 12 * layers * d * sequenceLength;
    }

    private static long LayerMatrices(ArchitectureRecipe architecture)
    {
        long d = architecture.HiddenSize, f = architecture.FeedForwardSize;
        bool gated = architecture.FeedForward is FeedForwardKind.GeluGated or FeedForwardKind.SwishGated;
        return 4 * d * d + d * f + (gated ? f / 2 : f) * d;
    }
}
