using CramGrains.Model.Recipes;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>Pools token vectors and classifies: dense and tanh (left out at size 0), dropout, linear. All in float32.</summary>
/// <remarks>B examples, S tokens, D hidden size, C outputs.</remarks>
internal sealed class ClassificationHead : nn.Module<Tensor, Tensor?, Tensor>
{
    private readonly PoolingKind _pooling;
    private readonly double _dropout;

    [ComponentName(Name = "dense")]
    private readonly Linear? _dense;

    [ComponentName(Name = "classifier")]
    private readonly Linear _classifier;

    /// <param name="recipe">Pooling, width and dropout.</param>
    /// <param name="hiddenSize">Width of the encoder (D).</param>
    /// <param name="outputs">Classes, or 1 for regression (C).</param>
    /// <param name="std">Standard deviation of the starting weights, the encoder's own.</param>
    /// <param name="generator">The init stream.</param>
    public ClassificationHead(FineTuningRecipe recipe, int hiddenSize, int outputs, double std, Generator generator) : base(nameof(ClassificationHead))
    {
        using var scope = NewDisposeScope();
        _pooling = recipe.Pooling;
        _dropout = recipe.Dropout;
        _dense = recipe.HeadSize > 0 ? nn.Linear(hiddenSize, recipe.HeadSize) : null;
        _classifier = nn.Linear(recipe.HeadSize > 0 ? recipe.HeadSize : hiddenSize, outputs);
        using (no_grad())
        {
            foreach (var linear in new[] { _dense, _classifier })
            {
                linear?.weight!.normal_(0, std, generator);
                linear?.bias!.zero_();
            }
        }

        RegisterComponents();
        foreach (var parameter in parameters())
        {
            parameter.DetachFromDisposeScope(); // the module owns them from here on
        }
    }

    /// <inheritdoc/>
    /// <param name="hidden"><c>[B, S, D]</c>, any floating type.</param>
    /// <param name="mask"><c>[B, S] bool</c>, true for real tokens; null when nothing is padded.</param>
    /// <returns><c>[B, C] float32</c>.</returns>
    public override Tensor forward(Tensor hidden, Tensor? mask)
    {
        var x = Pool(hidden, mask); // [B, D]
        x = _dense is null ? x : tanh(_dense.forward(x)); // [B, HeadSize]
        x = training && _dropout > 0 ? nn.functional.dropout(x, _dropout) : x;
        return _classifier.forward(x); // [B, C]
    }

    private Tensor Pool(Tensor hidden, Tensor? mask)
    {
        if (_pooling == PoolingKind.FirstToken)
        {
            return hidden.select(1, 0).to(ScalarType.Float32);
        }

        var wide = hidden.to(ScalarType.Float32);
        if (_pooling == PoolingKind.RawMean || mask is null)
        {
            return wide.mean([1]);
        }

        var weights = mask.to(ScalarType.Float32).unsqueeze(-1); // [B, S, 1]
        return (wide * weights).sum(1) / weights.sum(1);
    }
}
