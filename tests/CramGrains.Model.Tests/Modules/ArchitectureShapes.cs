using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Modules;

/// <summary>One small shape for each architecture option.</summary>
internal static class ArchitectureShapes
{
    public static IReadOnlyList<(string Name, ArchitectureRecipe Shape)> All { get; } =
    [
        ("crammed", TestRecipes.TinyShape),
        ("original-bert", TestRecipes.TinyShape with
        {
            NormPlacement = NormPlacement.Post, FinalNorm = false, Positions = PositionKind.Learned, FeedForward = FeedForwardKind.Gelu,
            AttentionBias = true, FeedForwardBias = true, HeadTransform = true, DecoderBias = true,
        }),
        ("modern", TestRecipes.TinyShape with { Positions = PositionKind.Rotary, QueryKeyNorm = true, ZeroInitializeOutputs = true, Norm = NormKind.RmsNorm }),
        ("swish-gated", TestRecipes.TinyShape with { FeedForward = FeedForwardKind.SwishGated, Positions = PositionKind.Sinusoidal }),
        ("relu", TestRecipes.TinyShape with { FeedForward = FeedForwardKind.Relu, Initialization = InitializationKind.Megatron }),
        ("segments", TestRecipes.TinyShape with { SegmentTypes = 2 }),
        ("no-first-norm", TestRecipes.TinyShape with { Positions = PositionKind.Rotary, FirstAttentionNorm = false, HeadTransform = true, DecoderBias = true }),
        ("untied", TestRecipes.TinyShape with { TieEmbeddings = false, EmbeddingNorm = false, FinalNorm = false }),
    ];
}
