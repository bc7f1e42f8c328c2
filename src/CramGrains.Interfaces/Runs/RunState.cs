namespace CramGrains.Interfaces.Runs;

/// <summary>Where a run stands. Values are stored; they are never renumbered or reused.</summary>
public enum RunState
{
    /// <summary>Accepted and durable, not yet started.</summary>
    Queued = 1,

    /// <summary>Its corpus is being prepared.</summary>
    Preparing = 2,

    /// <summary>Waiting for a device to pretrain on.</summary>
    Waiting = 3,

    /// <summary>Pretraining; the only state in which the budget runs.</summary>
    Pretraining = 4,

    /// <summary>Fine-tuning on GLUE.</summary>
    FineTuning = 5,

    /// <summary>Stopped by its user, with a checkpoint; goes on when it is resumed.</summary>
    Paused = 6,

    /// <summary>Everything asked for is done.</summary>
    Succeeded = 10,

    /// <summary>Ended by an error; see the reason.</summary>
    Failed = 11,

    /// <summary>Ended by its user.</summary>
    Cancelled = 12,
}

/// <summary>Why a run, an attempt or a fine-tuning ended. Values are stored; they are never renumbered or reused.</summary>
public enum TerminationReason
{
    /// <summary>It has not ended.</summary>
    None = 0,

    /// <summary>Did all that was asked (for pretraining: the budget is used up, which is its normal end).</summary>
    Completed = 1,

    /// <summary>Cancelled by its user.</summary>
    Cancelled = 2,

    /// <summary>The worker process ended without a word (killed, native crash, power).</summary>
    WorkerLost = 3,

    /// <summary>The worker let its lease run out because no silo renewed it; it saved a checkpoint first.</summary>
    LeaseExpired = 4,

    /// <summary>The device is being drained; a checkpoint was saved first.</summary>
    Drained = 5,

    /// <summary>A run of higher priority took the device; a checkpoint was saved first.</summary>
    Preempted = 6,

    /// <summary>Its user paused the run; a checkpoint was saved first.</summary>
    Paused = 7,

    /// <summary>Its user sent the run back to the queue; a checkpoint was saved first.</summary>
    Requeued = 8,

    /// <summary>The recipe asks for what this build or machine cannot do.</summary>
    RecipeUnsupported = 20,

    /// <summary>The corpus is missing, empty, unreadable, too small, or cannot fill the vocabulary.</summary>
    CorpusInvalid = 21,

    /// <summary>A GLUE file is missing, lacks a column or has an unknown label.</summary>
    GlueInvalid = 22,

    /// <summary>The loss or the gradient norm became infinite or not a number.</summary>
    NonFiniteLoss = 23,

    /// <summary>No space was left on the device that holds the home folder.</summary>
    DiskFull = 24,

    /// <summary>Device or host memory ran out.</summary>
    OutOfMemory = 25,

    /// <summary>No checkpoint of the run can be read any more.</summary>
    CheckpointsUnreadable = 26,

    /// <summary>The worker failed in a way that has no name of its own; the message says how.</summary>
    WorkerFailed = 27,

    /// <summary>The run used up its attempts.</summary>
    AttemptsExhausted = 28,

    /// <summary>The run that it was to follow did not succeed.</summary>
    DependencyFailed = 29,
}
