using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>Loss scaling for float16 (Micikevicius et al. 2018, section 3.2): losses are multiplied by a power of two, so that small gradients do not become zero; a step
/// whose gradients overflowed is left out and halves it, and many steps without that double it.</summary>
/// <remarks>Differs from PyTorch's scaler: at a scale of 1 no step is left out, so that training that has diverged shows itself.</remarks>
internal sealed class LossScale : IDisposable
{
    private const double Start = 65536, Smallest = 1, Largest = 16777216;
    private const int GrowAfter = 2000;

    /// <summary>Name of the state among an optimizer's.</summary>
    public const string StateName = "loss_scale";

    /// <summary>The scale, steps since it changed, and steps left out, as <c>[3] float32</c> on the CPU.</summary>
    public Tensor State { get; } = tensor([(float)Start, 0f, 0f]).DetachFromDisposeScope();

    /// <summary>What losses are multiplied by.</summary>
    public double Value => State[0].item<float>();

    /// <summary>Steps that were left out.</summary>
    public long LeftOut => (long)State[2].item<float>();

    /// <summary>Takes note of the gradients' global norm and says what to do with them.</summary>
    /// <param name="norm">Of the scaled gradients; not finite where one has overflowed. Waits for the device.</param>
    /// <returns>What to multiply the gradients by; null to leave this step out.</returns>
    public double? Settle(Tensor norm)
    {
        using var scope = NewDisposeScope();
        double scale = Value;
        if (!double.IsFinite(norm.item<float>()) && scale > Smallest) // sync, once a step
        {
            Set(scale / 2, 0, LeftOut + 1);
            return null;
        }

        long clean = (long)State[1].item<float>() + 1;
        Set(clean >= GrowAfter ? Math.Min(Largest, 2 * scale) : scale, clean >= GrowAfter ? 0 : clean, LeftOut);
        return 1 / scale;
    }

    /// <inheritdoc/>
    public void Dispose() => State.Dispose();

    private void Set(double scale, long clean, long leftOut)
    {
        State[0] = (float)scale;
        State[1] = (float)clean;
        State[2] = (float)leftOut;
    }
}
