namespace CramGrains.Silo.Scheduling;

/// <summary>What a machine says of one of its devices.</summary>
/// <param name="DeviceId"><c>machine/gpu0</c>, <c>machine/cpu</c>, or <c>machine/data</c> for the place where corpora are prepared.</param>
/// <param name="Machine">Machine name.</param>
/// <param name="Kind"><c>cuda</c>, <c>cpu</c> or <c>data</c>.</param>
/// <param name="Name">Product name.</param>
/// <param name="MemoryBytes">Its memory; 0 when unknown.</param>
/// <param name="Healthy">Whether it can be used.</param>
/// <param name="Message">What is wrong when it cannot, or who else computes on it.</param>
/// <param name="Uuid">The driver's name for it; null for a CPU.</param>
/// <param name="Capability">Compute capability, ten times its number; 0 for a CPU or when unknown.</param>
/// <param name="Driver">Driver version; null for a CPU.</param>
/// <param name="UsedByOthers">Whether a process that is not of this cluster computes on it.</param>
/// <param name="TemperatureCelsius">As measured now; left out of what is stored.</param>
/// <param name="HighestEpoch">The highest lease epoch that the machine's files carried when its silo started; left out of what is stored.</param>
[GenerateSerializer, Immutable, Alias("cram.DeviceReport")]
internal sealed record DeviceReport(
    [property: Id(0)] string DeviceId,
    [property: Id(1)] string Machine,
    [property: Id(2)] string Kind,
    [property: Id(3)] string Name,
    [property: Id(4)] long MemoryBytes,
    [property: Id(5)] bool Healthy = true,
    [property: Id(6)] string Message = "",
    [property: Id(7)] string? Uuid = null,
    [property: Id(8)] int Capability = 0,
    [property: Id(9)] string? Driver = null,
    [property: Id(10)] bool UsedByOthers = false,
    [property: Id(11)] double? TemperatureCelsius = null,
    [property: Id(12)] long HighestEpoch = 0)
{
    public const string Data = "data";
    public const string Cpu = "cpu";
    public const string Cuda = "cuda";
}
