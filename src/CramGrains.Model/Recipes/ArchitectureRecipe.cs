using System.Text.Json.Serialization;

namespace CramGrains.Model.Recipes;

/// <summary>The encoder's shape. The defaults are the crammed BERT of the paper (final recipe): pre-norm, no biases, GELU-gated feed-forward.</summary>
/// <param name="Layers">Transformer layers (L).</param>
/// <param name="HiddenSize">Hidden size (D), a multiple of <paramref name="Heads"/>.</param>
/// <param name="Heads">Attention heads (H).</param>
/// <param name="FeedForwardSize">Feed-forward width (F) of the first matrix; a gated unit halves it before the second.</param>
/// <param name="FeedForward">Activation and gating.</param>
/// <param name="NormPlacement">Norm before or after each sublayer.</param>
/// <param name="Norm">Kind of norm.</param>
/// <param name="NormEpsilon">Epsilon of every norm.</param>
/// <param name="Positions">How positions enter the model.</param>
/// <param name="AttentionBias">Biases on the query, key, value and output projections.</param>
/// <param name="FeedForwardBias">Biases on the feed-forward matrices.</param>
/// <param name="EmbeddingNorm">A norm after the embeddings.</param>
/// <param name="FinalNorm">A norm after the last layer.</param>
/// <param name="TieEmbeddings">The decoder is the transposed word embedding.</param>
/// <param name="HeadTransform">Dense, activation and norm before the decoder, as in the original BERT.</param>
/// <param name="DecoderBias">A bias on the vocabulary logits.</param>
/// <param name="QueryKeyNorm">RMS norm without weights on queries and keys, per head.</param>
/// <param name="Dropout">Dropout probability in pretraining (the paper: 0).</param>
/// <param name="Initialization">How matrices start.</param>
/// <param name="InitializationStd">Standard deviation of the normal and Megatron initialisations; the others compute their own.</param>
/// <param name="ZeroInitializeOutputs">Attention output and second feed-forward matrix start at zero.</param>
/// <param name="FirstAttentionNorm">A norm before the first layer's attention; ModernBERT leaves it out, because the embeddings have just been normed.</param>
/// <param name="SegmentTypes">Rows of a learned table of segments (sentence A, sentence B), as the original BERT has; 0 has none.</param>
/// <param name="ResidualScalars">Two learned scalars a layer: its input is the first times the stream plus the second times the embeddings as they entered the first layer; they start at 1 and 0.</param>
public sealed record ArchitectureRecipe(
    int Layers,
    int HiddenSize,
    int Heads,
    int FeedForwardSize,
    FeedForwardKind FeedForward = FeedForwardKind.GeluGated,
    NormPlacement NormPlacement = NormPlacement.Pre,
    NormKind Norm = NormKind.LayerNorm,
    double NormEpsilon = 1e-12,
    PositionKind Positions = PositionKind.ScaledSinusoidal,
    bool AttentionBias = false,
    bool FeedForwardBias = false,
    bool EmbeddingNorm = true,
    bool FinalNorm = true,
    bool TieEmbeddings = true,
    bool HeadTransform = false,
    bool DecoderBias = false,
    bool QueryKeyNorm = false,
    double Dropout = 0,
    InitializationKind Initialization = InitializationKind.Normal,
    double InitializationStd = ArchitectureRecipe.DefaultInitializationStd,
    bool ZeroInitializeOutputs = false,
    bool FirstAttentionNorm = true,
    int SegmentTypes = 0,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool ResidualScalars = false)
{
    /// <summary>The standard deviation of the original BERT.</summary>
    internal const double DefaultInitializationStd = 0.02;
}

/// <summary>Feed-forward activations; the gated ones multiply the first half of the width by the activated second half.</summary>
public enum FeedForwardKind
{
    /// <summary>GELU (erf), gated: <c>gelu(gate) * value</c>.</summary>
    GeluGated = 1,

    /// <summary>SiLU, gated.</summary>
    SwishGated = 2,

    /// <summary>GELU (erf).</summary>
    Gelu = 3,

    /// <summary>ReLU.</summary>
    Relu = 4,
}

/// <summary>Where norms stand.</summary>
public enum NormPlacement
{
    /// <summary>Before each sublayer.</summary>
    Pre = 1,

    /// <summary>After each residual sum, as in the original BERT.</summary>
    Post = 2,
}

/// <summary>Kinds of norm.</summary>
public enum NormKind
{
    /// <summary>LayerNorm with weight and bias.</summary>
    LayerNorm = 1,

    /// <summary>RMSNorm with weight.</summary>
    RmsNorm = 2,
}

/// <summary>How positions enter the model.</summary>
public enum PositionKind
{
    /// <summary>Sine and cosine table times one learned scalar that starts at D^-1/2.</summary>
    ScaledSinusoidal = 1,

    /// <summary>Sine and cosine table.</summary>
    Sinusoidal = 2,

    /// <summary>A learned table.</summary>
    Learned = 3,

    /// <summary>Rotary, applied to queries and keys (base 10,000).</summary>
    Rotary = 4,
}

/// <summary>Initialisations of matrices and embeddings; norms start at one and biases at zero.</summary>
public enum InitializationKind
{
    /// <summary>Normal with the given standard deviation.</summary>
    Normal = 1,

    /// <summary>Normal, output projections scaled by 1/sqrt(2 L) (Megatron).</summary>
    Megatron = 2,

    /// <summary>Normal with sqrt(2 / (5 D)) (Nguyen and Salazar 2019).</summary>
    Small = 3,

    /// <summary>As small, but output projections with 2 / (L sqrt(D)) (Wang, as in GPT-NeoX).</summary>
    Wang = 4,
}
