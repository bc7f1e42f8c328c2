namespace CramGrains.Silo.Scheduling;

/// <summary>The scheduler's durable memory: runs that have not ended, what they wait for or hold, and the devices seen so far.</summary>
internal sealed class SchedulerRecord
{
    /// <summary>The last lease epoch given out. Only grows, over all devices and runs.</summary>
    public long LastEpoch { get; set; }

    public Dictionary<string, DateTimeOffset> ActiveRuns { get; set; } = [];

    public Dictionary<string, ScheduledItem> Items { get; set; } = [];

    public Dictionary<string, KnownDevice> Devices { get; set; } = [];
}

/// <summary>An item in the queue, with its lease once it has one.</summary>
internal sealed class ScheduledItem
{
    public required WorkItem Item { get; set; }

    public string? DeviceId { get; set; }

    public long LeaseEpoch { get; set; }
}

/// <summary>A device and when its machine last spoke of it (as of the last write; the exact time is only kept in memory).</summary>
internal sealed class KnownDevice
{
    public required DeviceReport Report { get; set; }

    public DateTimeOffset LastReport { get; set; }
}

/// <summary>Runs that have ended, oldest first. Stored apart: it grows for ever and is written once per run.</summary>
internal sealed class EndedRuns
{
    public List<EndedRun> Runs { get; set; } = [];
}

internal sealed record EndedRun(string RunId, DateTimeOffset SubmittedAt);
