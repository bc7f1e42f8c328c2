using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Runs;

/// <summary>What one look at an attempt found.</summary>
internal abstract record AttemptStep;

/// <summary>Nothing to do for now.</summary>
/// <param name="Reason">Why, for people.</param>
/// <param name="EstimatedStart">UTC at which the attempt is expected to begin; null when that cannot be told.</param>
internal sealed record AttemptWaits(string Reason, DateTimeOffset? EstimatedStart = null) : AttemptStep;

/// <summary>An attempt has begun; look again.</summary>
internal sealed record AttemptBegan(string DeviceId, long Epoch, int Number) : AttemptStep;

/// <summary>The worker is at it.</summary>
internal sealed record AttemptRuns(WorkerStatus Status) : AttemptStep;

/// <summary>The attempt ended before its work was done, and another follows.</summary>
internal sealed record AttemptRetries(TerminationReason Reason, string Message, WorkerStatus? Status) : AttemptStep;

/// <summary>The work is done, or given up.</summary>
internal sealed record AttemptEnded(TerminationReason Reason, string Message, WorkerStatus? Status) : AttemptStep;
