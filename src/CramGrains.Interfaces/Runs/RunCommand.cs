namespace CramGrains.Interfaces.Runs;

/// <summary>What a user may ask of a run. Values are stored; they are never renumbered or reused.</summary>
public enum RunCommandKind
{
    /// <summary>End it; its last checkpoint stays.</summary>
    Cancel = 1,

    /// <summary>Save a checkpoint and give the device back until it is resumed. Fine-tunings that are at work run to their end.</summary>
    Pause = 2,

    /// <summary>Go on after a pause.</summary>
    Resume = 3,

    /// <summary>Save a checkpoint, give the device back and queue again; a failed or cancelled run goes on from its last checkpoint.</summary>
    Requeue = 4,

    /// <summary>Start nothing new of it until it is released; what runs goes on.</summary>
    Hold = 5,

    /// <summary>Undo a hold.</summary>
    Release = 6,
}

/// <summary>Asks something of a run. Sending it twice with the same id does it once, even when other commands came in between.</summary>
/// <param name="CommandId">Made by the client.</param>
/// <param name="Kind">What to do.</param>
/// <param name="User">Who asks.</param>
[GenerateSerializer, Immutable, Alias("cram.RunCommand")]
public sealed record RunCommand([property: Id(0)] string CommandId, [property: Id(1)] RunCommandKind Kind, [property: Id(2)] string User);

/// <summary>Where a run may go on after losing its device. Values are stored; they are never renumbered or reused.</summary>
public enum RequeuePolicy
{
    /// <summary>On any device that fits and can reach its data.</summary>
    Any = 0,

    /// <summary>Only on the machine where it began.</summary>
    SameMachine = 1,

    /// <summary>Nowhere: it ends with the reason for which it lost its device. Such a run is never preempted.</summary>
    Never = 2,
}
