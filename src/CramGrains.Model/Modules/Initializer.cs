using CramGrains.Model.Recipes;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>Draws starting weights from the run's own random stream (init), always on the CPU, so that they do not depend on the device.</summary>
internal sealed class Initializer(ArchitectureRecipe architecture, int seed) : IDisposable
{
    private readonly Generator _generator = new((ulong)seed);

    /// <summary>Standard deviation of embeddings and of matrices that read the residual stream.</summary>
    public double InputStd => architecture.Initialization is InitializationKind.Small or InitializationKind.Wang
        ? Math.Sqrt(2.0 / (5 * architecture.HiddenSize))
        : architecture.InitializationStd;

    /// <summary>Standard deviation of the two matrices of a layer that write into the residual stream.</summary>
    public double OutputStd => architecture switch
    {
        { ZeroInitializeOutputs: true } => 0,
        { Initialization: InitializationKind.Megatron } => architecture.InitializationStd / Math.Sqrt(2.0 * architecture.Layers),
        { Initialization: InitializationKind.Wang } => 2 / (architecture.Layers * Math.Sqrt(architecture.HiddenSize)),
        _ => InputStd,
    };

    /// <summary>A new <c>[rows, columns] float32</c> matrix.</summary>
    public Parameter Matrix(long rows, long columns, double std)
    {
        var values = zeros(rows, columns);
        if (std > 0)
        {
            values.normal_(0, std, _generator);
        }

        return new Parameter(values);
    }

    /// <inheritdoc/>
    public void Dispose() => _generator.Dispose();
}
