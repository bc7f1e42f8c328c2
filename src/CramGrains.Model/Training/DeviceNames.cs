using CramGrains.Model.Cuda.Interop;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>Product names of devices, for reports.</summary>
public static class DeviceNames
{
    /// <summary>What the driver calls a GPU, such as <c>NVIDIA H100 80GB HBM3</c>; null for the CPU and where the driver cannot be asked.</summary>
    public static string? Of(torch.Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.type == DeviceType.CUDA && CudaDriver.TryLoad(out _) is { } driver ? driver.Name(Math.Max(0, device.index)) : null;
    }

    /// <summary>The driver's name for one GPU and no other, such as <c>GPU-8f2c...</c>, as <c>nvidia-smi -L</c> lists it; null where the driver cannot be asked.</summary>
    /// <param name="gpu">CUDA's number of it in this process.</param>
    public static string? UuidOfGpu(int gpu) => CudaDriver.TryLoad(out _)?.Uuid(gpu);
}
