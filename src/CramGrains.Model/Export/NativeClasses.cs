using System.Text.Json;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Export;

/// <summary>Which class of transformers expresses an architecture exactly, and what stands in the way of the others.</summary>
internal static class NativeClasses
{
    /// <summary>The first class that expresses the architecture: one that transformers has, or else ours.</summary>
    public static HuggingFaceClass Choose(ArchitectureRecipe shape) =>
        Enum.GetValues<HuggingFaceClass>().First(target => Obstacles(shape, target).Count == 0);

    /// <summary>All settings that a class cannot express; empty when it can. Each begins with the setting's key.</summary>
    /// <remarks>What a class always has and the recipe has not is no obstacle where zeros are exact: biases, and BERT's segment table.</remarks>
    public static IReadOnlyList<string> Obstacles(ArchitectureRecipe shape, HuggingFaceClass target)
    {
        var obstacles = new List<string>();
        bool gated = shape.FeedForward is FeedForwardKind.GeluGated or FeedForwardKind.SwishGated;
        switch (target)
        {
            case HuggingFaceClass.Bert:
                Need(shape.NormPlacement == NormPlacement.Post, "norm_placement", "post", shape.NormPlacement);
                Need(!gated, "feed_forward", "gelu or relu", shape.FeedForward);
                Need(shape.Positions != PositionKind.Rotary, "positions", "learned or sinusoidal", shape.Positions);
                break;
            case HuggingFaceClass.ModernBert:
                Need(shape.NormPlacement == NormPlacement.Pre, "norm_placement", "pre", shape.NormPlacement);
                Need(gated, "feed_forward", "gelu-gated or swish-gated", shape.FeedForward);
                Need(shape.Positions == PositionKind.Rotary, "positions", "rotary", shape.Positions);
                Need(shape.FinalNorm, "final_norm", "true", shape.FinalNorm);
                Need(!shape.FirstAttentionNorm, "first_attention_norm", "false", shape.FirstAttentionNorm);
                Need(shape.SegmentTypes == 0, "segment_types", "0", shape.SegmentTypes);
                break;
            default:
                return [];
        }

        Need(shape.Norm == NormKind.LayerNorm, "norm", "layer-norm", shape.Norm);
        Need(shape.EmbeddingNorm, "embedding_norm", "true", shape.EmbeddingNorm);
        Need(shape.HeadTransform, "head_transform", "true", shape.HeadTransform);
        Need(!shape.QueryKeyNorm, "query_key_norm", "false", shape.QueryKeyNorm);
        Need(!shape.ResidualScalars, "residual_scalars", "false", shape.ResidualScalars);
        return obstacles;

        void Need(bool holds, string key, string expected, object got)
        {
            if (!holds)
            {
                obstacles.Add($"architecture.{key} must be {expected}, got {JsonNamingPolicy.KebabCaseLower.ConvertName(got.ToString()!)}");
            }
        }
    }
}
