using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Runs;

/// <summary>What follows an attempt that has ended.</summary>
internal enum AfterAttempt
{
    /// <summary>Nothing: it did what was asked, or trying again would end the same way.</summary>
    End = 1,

    /// <summary>Another attempt after a pause; this one counts as failed.</summary>
    RetryAsFailure = 2,

    /// <summary>Another attempt as soon as a device is free, or after a pause where no worker could be started; nobody is to blame.</summary>
    Requeue = 3,
}

/// <summary>The two total maps over <see cref="TerminationReason"/>. A new reason without a line here fails a test.</summary>
internal static class TerminationReasons
{
    /// <summary>The state in which a run ends for this reason.</summary>
    public static RunState FinalState(TerminationReason reason) => reason switch
    {
        TerminationReason.None => throw new ArgumentOutOfRangeException(nameof(reason), reason, "a run that has not ended has no final state"),
        TerminationReason.Completed => RunState.Succeeded,
        TerminationReason.Cancelled => RunState.Cancelled,
        TerminationReason.WorkerLost => RunState.Failed,
        TerminationReason.LeaseExpired => RunState.Failed,
        TerminationReason.Drained => RunState.Failed,
        TerminationReason.Preempted => RunState.Failed,
        TerminationReason.Paused => RunState.Failed,
        TerminationReason.Requeued => RunState.Failed,
        TerminationReason.RecipeUnsupported => RunState.Failed,
        TerminationReason.CorpusInvalid => RunState.Failed,
        TerminationReason.GlueInvalid => RunState.Failed,
        TerminationReason.NonFiniteLoss => RunState.Failed,
        TerminationReason.DiskFull => RunState.Failed,
        TerminationReason.OutOfMemory => RunState.Failed,
        TerminationReason.CheckpointsUnreadable => RunState.Failed,
        TerminationReason.WorkerFailed => RunState.Failed,
        TerminationReason.AttemptsExhausted => RunState.Failed,
        TerminationReason.DependencyFailed => RunState.Cancelled,
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "unknown reason"),
    };

    /// <summary>Whether an attempt that ended for this reason is followed by another.</summary>
    public static AfterAttempt Next(TerminationReason reason) => reason switch
    {
        TerminationReason.None => throw new ArgumentOutOfRangeException(nameof(reason), reason, "the attempt has not ended"),
        TerminationReason.Completed => AfterAttempt.End,
        TerminationReason.Cancelled => AfterAttempt.End,
        TerminationReason.WorkerLost => AfterAttempt.RetryAsFailure,
        TerminationReason.LeaseExpired => AfterAttempt.Requeue,
        TerminationReason.Drained => AfterAttempt.Requeue,
        TerminationReason.Preempted => AfterAttempt.Requeue,
        TerminationReason.Paused => AfterAttempt.Requeue,
        TerminationReason.Requeued => AfterAttempt.Requeue,
        TerminationReason.RecipeUnsupported => AfterAttempt.End,
        TerminationReason.CorpusInvalid => AfterAttempt.End,
        TerminationReason.GlueInvalid => AfterAttempt.End,
        TerminationReason.NonFiniteLoss => AfterAttempt.End,
        TerminationReason.DiskFull => AfterAttempt.End,
        TerminationReason.OutOfMemory => AfterAttempt.End,
        TerminationReason.CheckpointsUnreadable => AfterAttempt.End,
        TerminationReason.WorkerFailed => AfterAttempt.RetryAsFailure,
        TerminationReason.AttemptsExhausted => AfterAttempt.End,
        TerminationReason.DependencyFailed => AfterAttempt.End,
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "unknown reason"),
    };

    public static bool IsFinal(this RunState state) => state is RunState.Succeeded or RunState.Failed or RunState.Cancelled;
}
