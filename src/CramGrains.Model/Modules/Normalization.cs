using CramGrains.Model.Recipes;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>LayerNorm (weight and bias) or RMSNorm (weight) over the last dimension; statistics in float32 whatever the activations are.</summary>
internal sealed class Normalization : nn.Module<Tensor, Tensor>
{
    private readonly double _epsilon;
    private readonly long[] _shape;

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter? _bias;

    /// <param name="architecture">Kind, epsilon and width.</param>
    public Normalization(ArchitectureRecipe architecture) : base(nameof(Normalization))
    {
        _epsilon = architecture.NormEpsilon;
        _shape = [architecture.HiddenSize];
        _weight = new Parameter(ones(architecture.HiddenSize));
        _bias = architecture.Norm == NormKind.LayerNorm ? new Parameter(zeros(architecture.HiddenSize)) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => _bias is not null
        ? nn.functional.layer_norm(input, _shape, _weight.to(input.dtype), _bias.to(input.dtype), _epsilon) // libtorch keeps its statistics in float32
        : RootMeanSquare(input, _epsilon) * _weight.to(input.dtype);

    /// <summary>x / sqrt(mean(x²) + epsilon) over the last dimension.</summary>
    public static Tensor RootMeanSquare(Tensor input, double epsilon)
    {
        var wide = input.to(ScalarType.Float32); // a bfloat16 mean of squares would lose the small ones
        return (wide * rsqrt(wide.Squared().mean([-1], keepdim: true).Plus(epsilon))).to(input.dtype);
    }
}
