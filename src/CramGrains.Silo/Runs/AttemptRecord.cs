using System.Text.Json.Serialization;

namespace CramGrains.Silo.Runs;

/// <summary>How far the current attempt is. Values are stored; they are never renumbered or reused.</summary>
internal enum AttemptPhase
{
    /// <summary>There is none: it waits for a device.</summary>
    Idle = 0,

    /// <summary>It has a lease; whether its worker has been started is not certain.</summary>
    Granted = 1,

    /// <summary>Its worker has been started.</summary>
    Running = 2,

    /// <summary>Its machine does not answer: its worker's budget is closed, and a lease's length is waited until it has surely ended.</summary>
    Closing = 3,
}

/// <summary>The attempts at one piece of work, part of its owner's durable state.</summary>
internal sealed class AttemptRecord
{
    public AttemptPhase Phase { get; set; }

    /// <summary>Attempts begun.</summary>
    public int Number { get; set; }

    /// <summary>Attempts that count as failed.</summary>
    public int Failures { get; set; }

    /// <summary>Attempts in a row that were given back before a worker was started, since something that it needs could not be brought.</summary>
    public int Fruitless { get; set; }

    /// <summary>Lease epoch of the current or last attempt.</summary>
    public long Epoch { get; set; }

    /// <summary>Device of the current or last attempt.</summary>
    public string? DeviceId { get; set; }

    /// <summary>The next attempt waits until then.</summary>
    public DateTimeOffset? NotBefore { get; set; }

    /// <summary>Notices of the current attempt's worker that have been taken over.</summary>
    public int NoticesSeen { get; set; }

    /// <summary>Monotonic timestamp at which the budget was closed, by this activation: another one waits anew.</summary>
    [JsonIgnore]
    public long? ClosedAt { get; set; }

    /// <summary>Whether the attempt under this lease goes on.</summary>
    public bool Holds(long epoch) => Phase != AttemptPhase.Idle && Epoch == epoch;

    /// <summary>Monotonic timestamp of the last answer by the device's machine; counted from activation on, since nobody asked before. No change of the wall clock may make a silence long.</summary>
    [JsonIgnore]
    public long? LastContact { get; set; }
}
