namespace CramGrains.Interfaces.Devices;

/// <summary>What a device is doing. Values are stored; they are never renumbered or reused.</summary>
public enum DeviceState
{
    /// <summary>Free for a run.</summary>
    Free = 1,

    /// <summary>A worker holds it.</summary>
    Busy = 2,

    /// <summary>Its machine has not reported for a while.</summary>
    Lost = 3,

    /// <summary>It reports but cannot be used; the message says why.</summary>
    Unhealthy = 4,

    /// <summary>A process that is not of this cluster computes on it.</summary>
    BusyByOthers = 5,

    /// <summary>Nothing new is placed on it; what runs there goes on.</summary>
    Cordoned = 6,

    /// <summary>It will be handed over as soon as what runs there has ended.</summary>
    Draining = 7,

    /// <summary>Drained: nothing runs there and nothing is placed there.</summary>
    Drained = 8,
}

/// <summary>One device of the cluster.</summary>
/// <param name="DeviceId"><c>machine/gpu0</c> or <c>machine/cpu</c>.</param>
/// <param name="Machine">Machine name.</param>
/// <param name="Kind"><c>cuda</c> or <c>cpu</c>.</param>
/// <param name="Name">Product name.</param>
/// <param name="MemoryBytes">Its memory (for a CPU, the machine's).</param>
/// <param name="State">What it is doing.</param>
/// <param name="Message">One sentence: what it runs or what is wrong.</param>
/// <param name="RunId">The run that holds it.</param>
/// <param name="LeaseEpoch">Epoch of the lease; 0 before the first.</param>
/// <param name="LastReport">UTC of the last report by its machine.</param>
/// <param name="Uuid">The driver's name for it; null for a CPU.</param>
/// <param name="ComputeCapability">Ten times its number, 90 for 9.0; 0 for a CPU or when unknown.</param>
/// <param name="Driver">Driver version; null for a CPU.</param>
/// <param name="TemperatureCelsius">As of the last report; null when unknown.</param>
/// <param name="OrderedBy">Who cordoned or drained it; null when nobody did.</param>
[GenerateSerializer, Immutable, Alias("cram.DeviceView")]
public sealed record DeviceView(
    [property: Id(0)] string DeviceId,
    [property: Id(1)] string Machine,
    [property: Id(2)] string Kind,
    [property: Id(3)] string Name,
    [property: Id(4)] long MemoryBytes,
    [property: Id(5)] DeviceState State,
    [property: Id(6)] string Message,
    [property: Id(7)] string? RunId,
    [property: Id(8)] long LeaseEpoch,
    [property: Id(9)] DateTimeOffset LastReport,
    [property: Id(10)] string? Uuid = null,
    [property: Id(11)] int ComputeCapability = 0,
    [property: Id(12)] string? Driver = null,
    [property: Id(13)] double? TemperatureCelsius = null,
    [property: Id(14)] string? OrderedBy = null);
