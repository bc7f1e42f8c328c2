namespace CramGrains.Interfaces.Devices;

/// <summary>What an operator may ask of a device. Values are stored; they are never renumbered or reused.</summary>
public enum DeviceCommandKind
{
    /// <summary>Place nothing new on it; what runs there goes on.</summary>
    Cordon = 1,

    /// <summary>Place nothing new on it; it is drained once what runs there has ended.</summary>
    DrainAfterCurrent = 2,

    /// <summary>Place nothing new on it; what runs there saves a checkpoint now and goes on elsewhere, which counts as no failure.</summary>
    DrainNow = 3,

    /// <summary>Take it back into use.</summary>
    Return = 4,

    /// <summary>Strike a machine that has gone for good off the list, with what was ordered for it. Refused while it reports, or while something may still hold one of its devices.</summary>
    Forget = 5,
}

/// <summary>Asks something of a device, or of all devices of a machine. Sending it twice with the same id does it once.</summary>
/// <param name="CommandId">Made by the client.</param>
/// <param name="Target">A device id (<c>machine/gpu0</c>), or a machine for all that it has, its place for preparing corpora included. Only a machine can be forgotten.</param>
/// <param name="Kind">What to do.</param>
/// <param name="User">Who asks.</param>
/// <param name="Reason">Why, for those who wonder; null when not given.</param>
[GenerateSerializer, Immutable, Alias("cram.DeviceCommand")]
public sealed record DeviceCommand(
    [property: Id(0)] string CommandId,
    [property: Id(1)] string Target,
    [property: Id(2)] DeviceCommandKind Kind,
    [property: Id(3)] string User,
    [property: Id(4)] string? Reason);
