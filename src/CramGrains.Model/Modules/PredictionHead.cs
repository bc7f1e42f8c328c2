using CramGrains.Model.Recipes;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>The head transform of the original BERT: dense, activation, norm (Devlin et al. 2019). The crammed BERT leaves it out.</summary>
internal sealed class HeadTransform : nn.Module<Tensor, Tensor>
{
    private readonly FeedForwardKind _activation;

    [ComponentName(Name = "dense")]
    private readonly Projection _dense;

    [ComponentName(Name = "norm")]
    private readonly Normalization _norm;

    /// <param name="architecture">Width, activation and norm; the dense layer has a bias where the feed-forward has.</param>
    /// <param name="initial">Draws the starting weights.</param>
    public HeadTransform(ArchitectureRecipe architecture, Initializer initial) : base(nameof(HeadTransform))
    {
        _activation = architecture.FeedForward;
        _dense = new(architecture.HiddenSize, architecture.HiddenSize, architecture.FeedForwardBias, initial, initial.InputStd);
        _norm = new(architecture);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        var x = _dense.forward(input);
        x = _activation == FeedForwardKind.Relu ? nn.functional.relu(x)
            : _activation == FeedForwardKind.SwishGated ? nn.functional.silu(x)
            : nn.functional.gelu(x);
        return _norm.forward(x);
    }
}

/// <summary>What the decoder has beside the word embedding: its own weights when embeddings are untied, and a bias.</summary>
internal sealed class Decoder : nn.Module<Tensor, Tensor, Tensor>
{
    [ComponentName(Name = "weight")]
    private readonly Parameter? _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter? _bias;

    /// <param name="architecture">Whether embeddings are tied and whether there is a bias.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="initial">Draws the starting weights.</param>
    public Decoder(ArchitectureRecipe architecture, int vocabularySize, Initializer initial) : base(nameof(Decoder))
    {
        _weight = architecture.TieEmbeddings ? null : initial.Matrix(vocabularySize, architecture.HiddenSize, initial.InputStd);
        _bias = architecture.DecoderBias ? new Parameter(zeros(vocabularySize)) : null;
        RegisterComponents();
    }

    /// <summary>Logits over the vocabulary.</summary>
    /// <param name="hidden"><c>[M, D]</c>.</param>
    /// <param name="words">The word embedding, <c>[V, D] float32</c>, used when embeddings are tied.</param>
    /// <returns><c>[M, V] float32</c>.</returns>
    public override Tensor forward(Tensor hidden, Tensor words) =>
        nn.functional.linear(hidden, (_weight ?? words).to(hidden.dtype), _bias?.to(hidden.dtype)).to(ScalarType.Float32);
}
