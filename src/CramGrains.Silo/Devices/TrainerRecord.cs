using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Devices;

/// <summary>What a device is doing, durable so that a restarted silo can take its worker up again.</summary>
internal sealed class TrainerRecord
{
    /// <summary>The highest epoch ever accepted; nothing lower is served again.</summary>
    public long Epoch { get; set; }

    /// <summary>The order under that epoch.</summary>
    public WorkOrder? Order { get; set; }

    /// <summary>The worker's last word, once it has ended.</summary>
    public WorkerStatus? Final { get; set; }

    /// <summary>Why it was asked to stop; None when it was not.</summary>
    public TerminationReason StopReason { get; set; }

    /// <summary>When it was asked to stop.</summary>
    public DateTimeOffset? StopAskedAt { get; set; }

    /// <summary>An epoch that was stopped before its order came; should the order still come, it is refused.</summary>
    public long RefusedEpoch { get; set; }

    /// <summary>Why that epoch was stopped.</summary>
    public TerminationReason RefusedReason { get; set; }
}
