using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Devices;

/// <summary>What a device is asked to do, without paths: the trainer of the device's own machine adds those.</summary>
/// <param name="RunId">The run; for a corpus, its digest.</param>
/// <param name="LeaseEpoch">Epoch of the lease under which it is asked.</param>
/// <param name="Job">What to do.</param>
/// <param name="RecipeJson">The canonical recipe.</param>
/// <param name="CorpusDigest">The corpus to read or to make.</param>
/// <param name="BudgetUsedSeconds">What the budget clock had counted at the start of the attempt.</param>
/// <param name="GlueFolder">GLUE files, for fine-tuning.</param>
/// <param name="GlueTask">Task in kebab case, for fine-tuning.</param>
/// <param name="Seed">Seed of the fine-tuning.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkOrder")]
internal sealed record WorkOrder(
    [property: Id(0)] string RunId,
    [property: Id(1)] long LeaseEpoch,
    [property: Id(2)] WorkerJob Job,
    [property: Id(3)] string RecipeJson,
    [property: Id(4)] string CorpusDigest,
    [property: Id(5)] double BudgetUsedSeconds = 0,
    [property: Id(6)] string? GlueFolder = null,
    [property: Id(7)] string? GlueTask = null,
    [property: Id(8)] int Seed = 0);

/// <param name="Accepted">False when the device already serves a later epoch.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Reason">Why it was stopped before it began; None when that is not why it was refused.</param>
[GenerateSerializer, Immutable, Alias("cram.StartOutcome")]
internal sealed record StartOutcome(
    [property: Id(0)] bool Accepted, [property: Id(1)] string Message, [property: Id(2)] TerminationReason Reason = TerminationReason.None);
