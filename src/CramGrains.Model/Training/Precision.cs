using CramGrains.Model.Cuda.Interop;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>Which arithmetic a recipe means on a device.</summary>
public static class Precision
{
    /// <summary>The type of activations and matrix products in the eager model.</summary>
    /// <exception cref="NotSupportedException">FP8, which only the fused engine has.</exception>
    public static torch.ScalarType ComputeType(PrecisionKind precision, torch.Device device) => precision switch
    {
        PrecisionKind.Auto => device.type != DeviceType.CUDA ? torch.ScalarType.Float32 : HasBfloat16(device) ? torch.ScalarType.BFloat16 : torch.ScalarType.Float16,
        PrecisionKind.Float32 => torch.ScalarType.Float32,
        PrecisionKind.Bfloat16 => torch.ScalarType.BFloat16,
        PrecisionKind.Float16 => torch.ScalarType.Float16,
        _ => throw new NotSupportedException(
            $"training.precision float8 is not available on {device} for this architecture. Use auto, which is bfloat16 or float16 on a GPU and float32 on the CPU."),
    };

    /// <summary>Whether a GPU's tensor cores take bfloat16 (compute capability 8.0 or newer). One whose driver cannot be asked is taken for such.</summary>
    public static bool HasBfloat16(torch.Device device) =>
        CudaDriver.TryLoad(out _) is not { } driver || driver.Architecture(Math.Max(0, device.index)) >= 80;
}
