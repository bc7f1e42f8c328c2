using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>What fine-tuning needs of an encoder with a classification head on a device. The plain engine runs autograd; the fast one its own kernels; the loop
/// and the scores cannot tell.</summary>
/// <remarks>B examples in a batch, C outputs of the head.</remarks>
internal interface IFineTuningEngine : IDisposable
{
    /// <summary>Short name for reports, such as <c>eager</c> or <c>fused</c>.</summary>
    string Name { get; }

    /// <summary>The device that holds the weights.</summary>
    Device Device { get; }

    /// <summary>Forward, backward and optimizer on one batch, with dropout.</summary>
    /// <param name="examples">All examples.</param>
    /// <param name="rows">Those of the batch, at most the recipe's batch size.</param>
    /// <param name="learningRate">Of this step.</param>
    /// <returns>The mean loss before the step, a float32 scalar on the device, not waited for, in the caller's dispose scope.</returns>
    Tensor Step(EncodedExamples examples, ReadOnlySpan<int> rows, double learningRate);

    /// <summary>Outputs of the head without dropout.</summary>
    /// <param name="examples">All examples.</param>
    /// <param name="rows">Those of the batch, at most <see cref="MaximumRows"/>.</param>
    /// <returns><c>[B, C] float32</c>, on the device, in the caller's dispose scope.</returns>
    Tensor Outputs(EncodedExamples examples, ReadOnlySpan<int> rows);

    /// <summary>Most examples of one call to <see cref="Outputs"/>.</summary>
    int MaximumRows { get; }

    /// <summary>Master weights by name, <c>bert.*</c> and <c>head.*</c>; views that live as long as the engine.</summary>
    IReadOnlyDictionary<string, Tensor> Weights();
}
