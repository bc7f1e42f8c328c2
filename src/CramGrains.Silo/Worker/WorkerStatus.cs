using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Worker;

/// <summary>How far a worker is.</summary>
internal enum WorkerPhase
{
    /// <summary>Loading native libraries, data and the checkpoint.</summary>
    Starting = 1,

    /// <summary>At work.</summary>
    Running = 2,

    /// <summary>Done; the process exits once this is written.</summary>
    Ended = 3,
}

/// <summary>What a worker says of itself: the body of <c>GET /status</c>, and the file <c>status.json</c> in its work folder, rewritten by rename every second and at the end.</summary>
/// <param name="RunId">As assigned.</param>
/// <param name="LeaseEpoch">As assigned.</param>
/// <param name="Job">As assigned.</param>
/// <param name="ProcessId">Its process.</param>
/// <param name="Phase">How far it is.</param>
/// <param name="Reason">Why it ended; None before.</param>
/// <param name="Message">One sentence for people.</param>
/// <param name="BudgetUsedSeconds">Budget used by the run, all attempts: the assigned value plus this attempt's training time.</param>
/// <param name="Progress">Latest progress.</param>
/// <param name="Notices">What the user should know, in order.</param>
/// <param name="Result">What the job made; null before it ended well.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkerStatus")]
internal sealed record WorkerStatus(
    [property: Id(0)] string RunId,
    [property: Id(1)] long LeaseEpoch,
    [property: Id(2)] WorkerJob Job,
    [property: Id(3)] int ProcessId,
    [property: Id(4)] WorkerPhase Phase,
    [property: Id(5)] TerminationReason Reason,
    [property: Id(6)] string Message,
    [property: Id(7)] double BudgetUsedSeconds,
    [property: Id(8)] RunProgress? Progress,
    [property: Id(9)] IReadOnlyList<string> Notices,
    [property: Id(10)] WorkerResult? Result);

/// <summary>What a job made; fields of other jobs are null.</summary>
/// <param name="CorpusTokens">Training tokens of the corpus.</param>
/// <param name="OptimizerSteps">Optimizer steps.</param>
/// <param name="TokensSeen">Training tokens read.</param>
/// <param name="HeldOutLossInitial">Held-out loss before the first step, nats.</param>
/// <param name="HeldOutLoss">Held-out loss at the end, nats.</param>
/// <param name="Checkpoint">Folder of the last checkpoint.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="Engine">Engine name.</param>
/// <param name="DeviceName">Product name of the device.</param>
/// <param name="Scores">Scores of the fine-tuning.</param>
/// <param name="ExamplesPerSecond">Fine-tuning rate.</param>
/// <param name="CorpusDigest">Content address of the corpus that was made or found.</param>
/// <param name="ExaflopUsed">Model operations done by the run, in 1e18.</param>
/// <param name="PeakTeraflops">Peak of the device; null where it is not known.</param>
/// <param name="BudgetIsUsedUp">True when training is done: of a pretraining that was stopped then, only the held-out loss is still to be measured.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkerResult")]
internal sealed record WorkerResult(
    [property: Id(0)] long? CorpusTokens = null,
    [property: Id(1)] long? OptimizerSteps = null,
    [property: Id(2)] long? TokensSeen = null,
    [property: Id(3)] double? HeldOutLossInitial = null,
    [property: Id(4)] double? HeldOutLoss = null,
    [property: Id(5)] string? Checkpoint = null,
    [property: Id(6)] long? Parameters = null,
    [property: Id(7)] string? Engine = null,
    [property: Id(8)] string? DeviceName = null,
    [property: Id(9)] IReadOnlyList<GlueScore>? Scores = null,
    [property: Id(10)] double? ExamplesPerSecond = null,
    [property: Id(11)] string? CorpusDigest = null,
    [property: Id(12)] double? ExaflopUsed = null,
    [property: Id(13)] double? PeakTeraflops = null,
    [property: Id(14)] bool BudgetIsUsedUp = false);

/// <summary>Body of <c>POST /lease</c>, <c>POST /checkpoint</c> and <c>POST /stop</c>; a stale epoch is answered with 409 and changes nothing.</summary>
/// <param name="LeaseEpoch">Epoch of the sender's lease.</param>
/// <param name="Seconds">New life of the lease, for <c>/lease</c>.</param>
/// <param name="Reason">Why, for <c>/stop</c>: Cancelled, Drained, Preempted, Paused or Requeued. The worker checkpoints and ends with it.</param>
/// <param name="Since">The machine's monotonic timestamp from which <paramref name="Seconds"/> count; null for when it arrives.</param>
internal sealed record WorkerCommand(long LeaseEpoch, double Seconds = 0, TerminationReason Reason = TerminationReason.None, long? Since = null);
