namespace CramGrains.Silo.Devices;

/// <summary>One GPU as its driver describes it now. What the driver does not tell is null, 0 or empty.</summary>
/// <param name="Index">Its number in the order of PCI addresses, which is also CUDA's here.</param>
/// <param name="Uuid">The driver's name for it, <c>GPU-...</c>.</param>
/// <param name="Name">Product name.</param>
/// <param name="MemoryBytes">Its memory; 0 where it shares the host's.</param>
/// <param name="MemoryUsedBytes">Memory in use by anybody.</param>
/// <param name="Capability">Compute capability, ten times its number.</param>
/// <param name="Driver">Driver version.</param>
/// <param name="TemperatureCelsius">Of the chip.</param>
/// <param name="UtilizationFraction">Share of the last sample in which a kernel ran, in [0, 1].</param>
/// <param name="PowerWatts">Drawn now.</param>
/// <param name="Processes">Processes that compute on it, ours included.</param>
/// <param name="Xids">Errors that the driver has reported since the last reading, by NVIDIA's number.</param>
/// <param name="Problem">What is wrong when the driver lists it but cannot reach it; null when it can.</param>
internal sealed record GpuReading(
    int Index,
    string Uuid,
    string Name,
    long MemoryBytes,
    long? MemoryUsedBytes,
    int Capability,
    string? Driver,
    double? TemperatureCelsius,
    double? UtilizationFraction,
    double? PowerWatts,
    IReadOnlyList<int> Processes,
    IReadOnlyList<int> Xids,
    string? Problem = null);

/// <summary>Asks the driver about the GPUs of this machine; tests put a scripted one here.</summary>
internal interface IGpuProbe
{
    /// <summary>All GPUs by index; empty on a machine without a driver.</summary>
    /// <exception cref="GpuProbeException">There is a driver, and it does not answer.</exception>
    IReadOnlyList<GpuReading> Read();
}

/// <summary>The driver does not answer; the message says what it said.</summary>
internal sealed class GpuProbeException(string message) : Exception(message);
