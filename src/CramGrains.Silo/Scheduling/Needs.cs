using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Scheduling;

/// <summary>What an item needs of a device, whichever machine that is in. A queue has thousands of items and a handful of needs.</summary>
/// <param name="Data">Whether it is a corpus, which needs a place to prepare corpora and nothing else.</param>
/// <param name="Gpu">Whether a CPU will not do.</param>
/// <param name="MinMemoryBytes">Memory that a GPU must have; 0 for any.</param>
/// <param name="MinCapability">Compute capability that a GPU must have, ten times its number; 0 for any.</param>
internal readonly record struct Needs(bool Data, bool Gpu, long MinMemoryBytes, int MinCapability)
{
    public static Needs Of(WorkItem item) => item.Policy is { } policy
        ? new Needs(item.Job == WorkerJob.PrepareCorpus, policy.NeedsGpu, policy.MinMemoryBytes, policy.MinCapability)
        : new Needs(item.Job == WorkerJob.PrepareCorpus, false, 0, 0);

    /// <summary>Whether the device would do, were it free. Memory and capability that are unknown are taken on trust.</summary>
    public bool MetBy(PlannerDevice device) => (device.Kind == DeviceReport.Data) == Data && (device.Kind == DeviceReport.Cuda
        ? (device.MemoryBytes == 0 || device.MemoryBytes >= MinMemoryBytes) && (device.Capability == 0 || device.Capability >= MinCapability)
        : !Gpu);
}
