using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>What the pretraining loop needs of a model on a device. The plain engine runs autograd; the fast one its own kernels; the loop cannot tell.</summary>
public interface IPretrainingEngine : IDisposable
{
    /// <summary>Short name for reports, such as <c>eager</c> or <c>fused</c>.</summary>
    string Name { get; }

    /// <summary>The device that holds the weights.</summary>
    torch.Device Device { get; }

    /// <summary>Adds the gradients of the mean loss over the masked positions, times <paramref name="scale"/>, to the accumulated ones.</summary>
    /// <param name="microbatch">Copied before the call returns.</param>
    /// <param name="scale">1 / (microbatches in this batch).</param>
    /// <returns>The unscaled loss, a float32 scalar on the device, not waited for; the caller disposes it.</returns>
    torch.Tensor Accumulate(MaskedMicrobatch microbatch, double scale);

    /// <summary>Clips, applies the optimizer and clears the accumulated gradients.</summary>
    /// <param name="learningRateFactor">Schedule value in [0, 1], multiplied into every peak learning rate of the recipe.</param>
    /// <returns>The global gradient norm before clipping, a float32 scalar on the device, not waited for; the caller disposes it. With float16, a step whose gradients
    /// overflowed is left out (see <see cref="PrecisionKind.Float16"/>), and the norm is that of the last step taken, 0 before the first.</returns>
    torch.Tensor Step(double learningRateFactor);

    /// <summary>The mean loss over the masked positions without gradients.</summary>
    /// <returns>A float32 scalar on the device; the caller disposes it.</returns>
    torch.Tensor Evaluate(MaskedMicrobatch microbatch);

    /// <summary>Float32 copies or views of the master weights by state-dict name, on any device, valid until the next call; the caller does not dispose them.</summary>
    IReadOnlyDictionary<string, torch.Tensor> Weights();

    /// <summary>Optimizer state by name (<c>exp_avg/NAME</c>, <c>exp_avg_sq/NAME</c>, <c>momentum/NAME</c>, <c>row_moment/NAME</c> in float32, <c>step</c> as int64; <c>loss_scale</c> with float16, <c>float8_scales</c> and <c>float8_microbatches</c> with FP8), the same for every engine.</summary>
    IReadOnlyDictionary<string, torch.Tensor> OptimizerState();

    /// <summary>Restores weights and optimizer state; names and shapes must match exactly.</summary>
    /// <exception cref="ArgumentException">A tensor is missing, unknown or has another shape; the message names it.</exception>
    void Load(IReadOnlyDictionary<string, torch.Tensor> weights, IReadOnlyDictionary<string, torch.Tensor> optimizerState);
}
