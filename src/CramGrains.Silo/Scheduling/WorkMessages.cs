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
[GenerateSerializer, Immutable, Alias("cram.WorkItem")]
internal sealed record WorkItem(
    [property: Id(0)] string ItemId,
    [property: Id(1)] string? RunId,
    [property: Id(2)] WorkerJob Job,
    [property: Id(3)] string Owner,
    [property: Id(4)] DateTimeOffset OrderedAt,
    [property: Id(5)] int Priority = 0,
    [property: Id(6)] string? RequiredMachine = null,
    [property: Id(7)] string? PreferredDevice = null);

/// <summary>Where a work item stands.</summary>
/// <param name="DeviceId">Its device; null while it waits.</param>
/// <param name="LeaseEpoch">Epoch of its lease; 0 while it waits.</param>
/// <param name="Reason">Why it waits; empty when it does not.</param>
[GenerateSerializer, Immutable, Alias("cram.WorkTicket")]
internal sealed record WorkTicket([property: Id(0)] string? DeviceId, [property: Id(1)] long LeaseEpoch, [property: Id(2)] string Reason);

/// <summary>What a machine says of one of its devices.</summary>
/// <param name="DeviceId"><c>machine/gpu0</c>, <c>machine/cpu</c>, or <c>machine/data</c> for the place where corpora are prepared.</param>
/// <param name="Machine">Machine name.</param>
/// <param name="Kind"><c>cuda</c>, <c>cpu</c> or <c>data</c>.</param>
/// <param name="Name">Product name.</param>
/// <param name="MemoryBytes">Its memory.</param>
/// <param name="Healthy">Whether it can be used.</param>
/// <param name="Message">What is wrong when it cannot.</param>
[GenerateSerializer, Immutable, Alias("cram.DeviceReport")]
internal sealed record DeviceReport(
    [property: Id(0)] string DeviceId,
    [property: Id(1)] string Machine,
    [property: Id(2)] string Kind,
    [property: Id(3)] string Name,
    [property: Id(4)] long MemoryBytes,
    [property: Id(5)] bool Healthy = true,
    [property: Id(6)] string Message = "")
{
    public const string Data = "data";
    public const string Cpu = "cpu";
    public const string Cuda = "cuda";
}
