using System.Globalization;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>Why an item waits.</summary>
internal enum WaitReason
{
    /// <summary>No device has reported yet.</summary>
    NoneReported = 1,

    /// <summary>Devices are known, and none of those that would do can be used.</summary>
    NoneUsable = 2,

    /// <summary>No device has what it needs.</summary>
    NoneFits = 3,

    /// <summary>Its user or an operator holds it back.</summary>
    Held = 4,

    /// <summary>All devices that would do are taken.</summary>
    Busy = 5,

    /// <summary>A run of lower priority has been told to give way.</summary>
    GivingWay = 6,

    /// <summary>A run of lower priority will give way when its guaranteed time is over.</summary>
    Guaranteed = 7,

    /// <summary>The scheduler has just started and listens first.</summary>
    Settling = 8,

    /// <summary>It has come after the last plan, and the next is not due yet.</summary>
    Joined = 9,
}

/// <summary>Why an item waits, as data; <see cref="Text"/> says it.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Item">Who.</param>
/// <param name="Ahead">Items of its kind before it in the queue.</param>
/// <param name="Start">UTC at which it is expected to get its place; null when that cannot be told.</param>
/// <param name="Detail">The device or run that the reason is about.</param>
internal sealed record Wait(WaitReason Reason, WorkItem Item, int Ahead = 0, DateTimeOffset? Start = null, string Detail = "")
{
    /// <summary>One sentence for people.</summary>
    public string Text => Reason switch
    {
        WaitReason.NoneReported => $"no {What}{Where} has reported yet",
        WaitReason.NoneUsable => $"no {What}{Where} can be used: {Detail}",
        WaitReason.NoneFits => $"no device{Where} fits: it needs {Needs} (--min-gpu-memory says otherwise); {Detail}",
        WaitReason.Held => $"held by {Item.Policy!.HeldBy} until it is released",
        WaitReason.GivingWay => $"waits for {Detail}, which has lower priority, to save a checkpoint and give way",
        WaitReason.Guaranteed => $"waits for {Detail}, which has lower priority, until its guaranteed time is over",
        WaitReason.Settling => "the scheduler has just started and listens who waits",
        WaitReason.Joined => "has just joined the queue",
        _ => $"waits for a free {What}{Where}: {(Ahead == 0 ? "next in the queue" : string.Create(CultureInfo.InvariantCulture, $"{Ahead} ahead in the queue"))}",
    };

    private string What => Item.Job == WorkerJob.PrepareCorpus ? "place to prepare corpora" : "device";

    private string Where => Item.RequiredMachine is null ? "" : $" on {Item.RequiredMachine}, which has its data";

    private string Needs
    {
        get
        {
            string memory = Item.Policy!.MinMemoryBytes > 0 ? string.Create(CultureInfo.InvariantCulture, $" with {Item.Policy.MinMemoryBytes / (double)(1L << 30):0.#} GiB") : "";
            string capability = Item.Policy.MinCapability > 0 ? string.Create(CultureInfo.InvariantCulture, $" of compute capability {Item.Policy.MinCapability / 10.0:0.0}") : "";
            return $"a GPU{memory}{capability}";
        }
    }
}
