using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>Every activation that the backward pass reads, allocated once. T tokens, M masked positions, C rows of logits at a time.</summary>
internal sealed class Activations
{
    public Activations(Stages stages, int tokens, int masked, int headChunk)
    {
        EncoderShape s = stages.Shape;
        int batch = tokens / s.Sequence;
        Tensor Work(params long[] shape) => stages.Allocate(stages.Working, shape);
        Tensor Full(params long[] shape) => stages.Allocate(stages.Master, shape);
        Statistics Stats(long rows) => new(Full(rows), Full(rows));

        Embedded = Work(tokens, s.Hidden);
        EmbeddedStatistics = Stats(tokens);
        Stream = [.. Enumerable.Range(0, s.Layers + 1).Select(_ => Work(tokens, s.Hidden))];
        Layers = [.. Enumerable.Range(0, s.Layers).Select(_ => new Layer(
            Work(tokens, s.Hidden), Stats(tokens), Work(tokens, 3 * s.Hidden), Work(tokens, s.Hidden), Full(batch, s.Heads, s.Sequence),
            Work(tokens, s.Hidden), Work(tokens, s.Hidden), Stats(tokens), Work(tokens, s.FeedForward), Work(tokens, s.Half),
            s.QueryKeyNorm ? Full(tokens, 2, s.Heads) : null, s.ResidualScalars ? Work(tokens, s.Hidden) : null))];
        Gathered = Work(masked, s.Hidden);
        GatheredNorm = Work(masked, s.Hidden);
        GatheredGradient = Work(masked, s.Hidden);
        FinalStatistics = Stats(masked);
        Transform = s.HeadTransform ? new(Work(masked, s.Hidden), Work(masked, s.Hidden), Work(masked, s.Hidden), Stats(masked)) : null;
        Losses = Full(masked);
        Logits = Work(headChunk, s.Vocabulary);
        StreamGradient = Work(tokens, s.Hidden);
        BranchGradient = Work(tokens, s.Hidden);
        GatedGradient = Work(tokens, s.Half);
        StartGradient = s.ResidualScalars ? Work(tokens, s.Hidden) : null;
        QkvGradient = s.QueryKeyNorm ? Work(tokens, 3 * s.Hidden) : null;
    }

    /// <summary>Word plus position, before the norm, <c>[T, D]</c>.</summary>
    public Tensor Embedded { get; }

    public Statistics EmbeddedStatistics { get; }

    /// <summary>The residual stream before each layer, and after the last, <c>[T, D]</c> each.</summary>
    public Tensor[] Stream { get; }

    public Layer[] Layers { get; }

    /// <summary>Masked rows of the last stream, then after the final norm, then that norm's gradients; <c>[M, D]</c>.</summary>
    public Tensor Gathered { get; }

    public Tensor GatheredNorm { get; }

    public Tensor GatheredGradient { get; }

    public Statistics FinalStatistics { get; }

    /// <summary><c>[M]</c></summary>
    public Tensor Losses { get; }

    /// <summary><c>[C, V]</c>, and its own gradient.</summary>
    public Tensor Logits { get; }

    /// <summary>Gradient of the residual stream, <c>[T, D]</c>.</summary>
    public Tensor StreamGradient { get; }

    /// <summary>Gradient of one branch's input, <c>[T, D]</c>.</summary>
    public Tensor BranchGradient { get; }

    /// <summary>Gradient of the gated unit's output, <c>[T, F/2]</c>.</summary>
    public Tensor GatedGradient { get; }

    /// <summary>Gradient of queries, keys and values where it cannot take their place, because the norm's gradient reads them; null elsewhere.</summary>
    public Tensor? QkvGradient { get; }

    /// <summary>What the head transform keeps; null without one.</summary>
    public HeadTransform? Transform { get; }

    /// <summary>Gradient that the layers' shares of the embeddings add up to, <c>[T, D]</c>; null without residual scalars.</summary>
    public Tensor? StartGradient { get; }

    /// <summary>Masked rows after the dense matrix, the activation and the norm, <c>[M, D]</c> each.</summary>
    internal sealed record HeadTransform(Tensor Dense, Tensor Active, Tensor Normed, Statistics Statistics);

    internal sealed record Statistics(Tensor Mean, Tensor Deviation);

    /// <summary>What one layer keeps; <c>Qkv</c> and <c>Wide</c> become their own gradients. <c>Mixed</c> is the input that residual scalars make.</summary>
    internal sealed record Layer(
        Tensor Norm1, Statistics Statistics1, Tensor Qkv, Tensor Attended, Tensor LogSums, Tensor Middle, Tensor Norm2, Statistics Statistics2, Tensor Wide, Tensor Gated,
        Tensor? HeadScales, Tensor? Mixed);
}
