using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Scheduling;

/// <summary>The scheduler's durable memory: runs that have not ended, leases, the devices seen so far and what was ordered for them, and who has used how much.</summary>
internal sealed class SchedulerRecord
{
    /// <summary>The last lease epoch given out. Only grows, over all devices and runs.</summary>
    public long LastEpoch { get; set; }

    public Dictionary<string, DateTimeOffset> ActiveRuns { get; set; } = [];

    /// <summary>Lives of active runs that had ended before; runs in their first are not in it.</summary>
    public Dictionary<string, int> Lives { get; set; } = [];

    /// <summary>Leases by item. Items without a device are left over from earlier versions, which stored who waits; their owners ask again anyway.</summary>
    public Dictionary<string, ScheduledItem> Items { get; set; } = [];

    public Dictionary<string, KnownDevice> Devices { get; set; } = [];

    /// <summary>What operators have ordered, by device; kept while the device is away.</summary>
    public Dictionary<string, DeviceOrder> DeviceOrders { get; set; } = [];

    /// <summary>What each user has used, for fair share.</summary>
    public Dictionary<string, UserUsage> Usage { get; set; } = [];

    /// <summary>The last commands and how they were answered.</summary>
    public List<AnsweredCommand> Commands { get; set; } = [];
}

/// <summary>An item with its lease.</summary>
internal sealed class ScheduledItem
{
    public required WorkItem Item { get; set; }

    public string? DeviceId { get; set; }

    public long LeaseEpoch { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    /// <summary>Why it has been told to give its device back; None while it has not.</summary>
    public TerminationReason Evict { get; set; }

    /// <summary>The item for whose sake, when it was preempted.</summary>
    public string? EvictFor { get; set; }
}

/// <summary>A device and when its machine last spoke of it (as of the last write; the exact time is only kept in memory).</summary>
internal sealed class KnownDevice
{
    public required DeviceReport Report { get; set; }

    public DateTimeOffset LastReport { get; set; }
}

/// <summary>What an operator has ordered for a device.</summary>
internal sealed record DeviceOrder(DeviceCommandKind Kind, string By, string? Reason, DateTimeOffset At);

/// <summary>A command that has been carried out, so that it is not carried out twice.</summary>
internal sealed record AnsweredCommand(string CommandId, bool Accepted, string Message);

/// <summary>Runs that have ended, oldest first. Stored apart: it grows for ever and is written once per run.</summary>
internal sealed class EndedRuns
{
    public List<EndedRun> Runs { get; set; } = [];
}

/// <param name="RunId">The run.</param>
/// <param name="SubmittedAt">When it was submitted.</param>
/// <param name="Life">Which of its lives has ended.</param>
internal sealed record EndedRun(string RunId, DateTimeOffset SubmittedAt, int Life = 0);
