using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>A matrix with an optional bias: float32 master weights, cast to the type of the activations at each use.</summary>
internal sealed class Projection : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter? _bias;

    /// <param name="inputs">Width of the input.</param>
    /// <param name="outputs">Width of the output.</param>
    /// <param name="bias">Adds a bias, which starts at zero.</param>
    /// <param name="initial">Draws the starting weights.</param>
    /// <param name="std">Standard deviation of the starting weights; 0 starts at zero.</param>
    public Projection(int inputs, int outputs, bool bias, Initializer initial, double std) : base(nameof(Projection))
    {
        _weight = initial.Matrix(outputs, inputs, std);
        _bias = bias ? new Parameter(zeros(outputs)) : null;
        RegisterComponents();
    }

    /// <summary>The master weights, <c>[outputs, inputs] float32</c>.</summary>
    public Parameter Weight => _weight;

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => nn.functional.linear(input, _weight.to(input.dtype), _bias?.to(input.dtype));
}
