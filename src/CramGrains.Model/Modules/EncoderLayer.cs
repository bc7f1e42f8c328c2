using CramGrains.Model.Recipes;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>One transformer layer: self-attention and feed-forward, each with a residual and a norm before or after (Cramming, section 4.2).</summary>
/// <remarks>B rows, S tokens per row, D hidden size, H heads, K head size, F feed-forward width.</remarks>
internal sealed class EncoderLayer : nn.Module
{
    private readonly ArchitectureRecipe _architecture;

    [ComponentName(Name = "norm1")]
    private readonly Normalization? _norm1;

    [ComponentName(Name = "qkv")]
    private readonly Projection _qkv;

    [ComponentName(Name = "out")]
    private readonly Projection _out;

    [ComponentName(Name = "norm2")]
    private readonly Normalization _norm2;

    [ComponentName(Name = "ffn_in")]
    private readonly Projection _feedForwardIn;

    [ComponentName(Name = "ffn_out")]
    private readonly Projection _feedForwardOut;

    /// <param name="architecture">The shape.</param>
    /// <param name="initial">Draws the starting weights.</param>
    /// <param name="first">The layer stands right after the embeddings.</param>
    public EncoderLayer(ArchitectureRecipe architecture, Initializer initial, bool first) : base(nameof(EncoderLayer))
    {
        _architecture = architecture;
        int d = architecture.HiddenSize, f = architecture.FeedForwardSize;
        _norm1 = first && !architecture.FirstAttentionNorm ? null : new(architecture);
        _qkv = new(d, 3 * d, architecture.AttentionBias, initial, initial.InputStd);
        _out = new(d, d, architecture.AttentionBias, initial, initial.OutputStd);
        _norm2 = new(architecture);
        _feedForwardIn = new(d, f, architecture.FeedForwardBias, initial, initial.InputStd);
        _feedForwardOut = new(Gated(architecture.FeedForward) ? f / 2 : f, d, architecture.FeedForwardBias, initial, initial.OutputStd);
        RegisterComponents();
    }

    /// <summary>True when the first feed-forward matrix makes a value and a gate.</summary>
    public static bool Gated(FeedForwardKind kind) => kind is FeedForwardKind.GeluGated or FeedForwardKind.SwishGated;

    /// <summary>Applies the layer.</summary>
    /// <param name="x"><c>[B, S, D]</c>, the residual stream.</param>
    /// <param name="mask"><c>[B, 1, 1, S] bool</c>, true for tokens that may be attended to; null attends to all.</param>
    /// <param name="rotary">Cosine and sine, <c>[S, K]</c> each; null for other kinds of position.</param>
    /// <param name="dropout">Dropout probability now; 0 for none.</param>
    /// <returns><c>[B, S, D]</c>.</returns>
    public Tensor Forward(Tensor x, Tensor? mask, (Tensor Cosine, Tensor Sine)? rotary, double dropout)
    {
        if (_architecture.NormPlacement == NormPlacement.Pre)
        {
            x = x.Plus(Drop(Attend(_norm1?.forward(x) ?? x, mask, rotary, dropout), dropout));
            return x.Plus(Drop(FeedForward(_norm2.forward(x)), dropout));
        }

        x = _norm1!.forward(x.Plus(Drop(Attend(x, mask, rotary, dropout), dropout))); // only pre-norm may leave it out
        return _norm2.forward(x.Plus(Drop(FeedForward(x), dropout)));
    }

    /// <summary>Dropout that costs nothing when it is off.</summary>
    public static Tensor Drop(Tensor x, double probability) => probability > 0 ? nn.functional.dropout(x, probability) : x;

    private Tensor Attend(Tensor x, Tensor? mask, (Tensor Cosine, Tensor Sine)? rotary, double dropout)
    {
        long b = x.shape[0], s = x.shape[1], h = _architecture.Heads, k = _architecture.HiddenSize / h;
        var parts = _qkv.forward(x).view(b, s, 3, h, k).permute(2, 0, 3, 1, 4).unbind(0); // three of [B, H, S, K]
        var (query, key, value) = (parts[0], parts[1], parts[2]);
        if (_architecture.QueryKeyNorm)
        {
            query = Normalization.RootMeanSquare(query, _architecture.NormEpsilon);
            key = Normalization.RootMeanSquare(key, _architecture.NormEpsilon);
        }

        if (rotary is var (cosine, sine))
        {
            query = Positions.Rotate(query, cosine, sine);
            key = Positions.Rotate(key, cosine, sine);
        }

        var mixed = nn.functional.scaled_dot_product_attention(query, key, value, mask, dropout); // [B, H, S, K]
        return _out.forward(mixed.transpose(1, 2).reshape(b, s, h * k)); // [B, S, D]
    }

    private Tensor FeedForward(Tensor x)
    {
        var wide = _feedForwardIn.forward(x); // [B, S, F]
        if (!Gated(_architecture.FeedForward))
        {
            return _feedForwardOut.forward(_architecture.FeedForward == FeedForwardKind.Relu ? nn.functional.relu(wide) : nn.functional.gelu(wide));
        }

        var halves = wide.chunk(2, -1); // value and gate, [B, S, F / 2] each: the activation is on the second
        var gate = _architecture.FeedForward == FeedForwardKind.SwishGated ? nn.functional.silu(halves[1]) : nn.functional.gelu(halves[1]);
        return _feedForwardOut.forward(gate * halves[0]);
    }
}
