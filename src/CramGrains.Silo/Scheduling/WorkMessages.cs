using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>A piece of work that needs a place: a corpus, a pretraining or one fine-tuning.</summary>
/// <param name="ItemId">Its name: <c>r-1/pretrain</c>, <c>r-1/cola/0</c>, <c>corpus/DIGEST</c>.</param>
/// <param name="RunId">The run it is for; null for a corpus.</param>
/// <param name="Job">What the worker does.</param>
/// <param name="Owner">Grain that is woken when the item gets its place.</param>
/// <param name="OrderedAt">When its run was submitted: earlier runs go first with all their items.</param>
/// <param name="Priority">Higher goes first.</param>
/// <param name="RequiredMachine">The only machine that has its data; null for any.</param>
/// <param name="PreferredDevice">Where its last attempt ran.</param>
/// <param name="Policy">What its user asked for; null for none.</param>
/// <param name="ExpectedSeconds">How long it is expected to hold its place; 0 when unknown.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkItem")]
internal sealed record WorkItem(
    [property: Id(0)] string ItemId,
    [property: Id(1)] string? RunId,
    [property: Id(2)] WorkerJob Job,
    [property: Id(3)] string Owner,
    [property: Id(4)] DateTimeOffset OrderedAt,
    [property: Id(5)] int Priority = 0,
    [property: Id(6)] string? RequiredMachine = null,
    [property: Id(7)] string? PreferredDevice = null,
    [property: Id(8)] WorkPolicy? Policy = null,
    [property: Id(9)] double ExpectedSeconds = 0)
{
    /// <summary>Only pretraining saves checkpoints from which it goes on exactly; the rest is short.</summary>
    public bool Preemptible => Job == WorkerJob.Pretrain && Policy?.Requeue != RequeuePolicy.Never;
}

/// <summary>What the user of a run asked for, as far as it says what may be placed where and when.</summary>
/// <param name="User">For fair share; null takes no part.</param>
/// <param name="HeldBy">Who holds the run back; null when nobody does.</param>
/// <param name="Requeue">Where it may go on after losing its device.</param>
/// <param name="MaxAttempts">Failed attempts after which it gives up; null for the silo's setting.</param>
/// <param name="NeedsGpu">Whether a CPU will not do.</param>
/// <param name="MinMemoryBytes">Memory that a GPU must have; 0 for any.</param>
/// <param name="MinCapability">Compute capability that a GPU must have, ten times its number; 0 for any.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkPolicy")]
internal sealed record WorkPolicy(
    [property: Id(0)] string? User = null,
    [property: Id(1)] string? HeldBy = null,
    [property: Id(2)] RequeuePolicy Requeue = RequeuePolicy.Any,
    [property: Id(3)] int? MaxAttempts = null,
    [property: Id(4)] bool NeedsGpu = false,
    [property: Id(5)] long MinMemoryBytes = 0,
    [property: Id(6)] int MinCapability = 0);

/// <summary>Where a work item stands.</summary>
/// <param name="DeviceId">Its device; null while it waits.</param>
/// <param name="LeaseEpoch">Epoch of its lease; 0 while it waits.</param>
/// <param name="Reason">Why it waits; empty when it does not.</param>
/// <param name="EstimatedStart">UTC at which it is expected to get its place; null when that cannot be told.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkTicket")]
internal sealed record WorkTicket(
    [property: Id(0)] string? DeviceId,
    [property: Id(1)] long LeaseEpoch,
    [property: Id(2)] string Reason,
    [property: Id(3)] DateTimeOffset? EstimatedStart = null);
