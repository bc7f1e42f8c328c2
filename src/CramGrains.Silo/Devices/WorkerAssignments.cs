using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Devices;

/// <summary>Turns an order into the assignment of a worker on this machine: always the same one for the same order, so that a worker can be found again.</summary>
internal sealed class WorkerAssignments(HomeFolder home, IOptions<DeviceOptions> options, IOptions<SiloOptions> silo)
{
    private const string Cpu = "cpu";

    public WorkerAssignment Make(string deviceId, WorkOrder order)
    {
        bool corpus = order.Job == WorkerJob.PrepareCorpus;
        string workFolder = corpus ? home.CorpusAttempt(order.CorpusDigest, order.LeaseEpoch) : home.Attempt(order.RunId, order.LeaseEpoch);
        return new WorkerAssignment(
            WorkerAssignment.CurrentVersion,
            order.RunId,
            order.LeaseEpoch,
            order.Job,
            order.RecipeJson,
            TorchDevice(deviceId),
            corpus ? null : home.DeviceLock(deviceId),
            home.WorkerSocket(workFolder),
            workFolder,
            options.Value.WorkerLeaseSeconds,
            home.Corpora,
            order.CorpusDigest,
            corpus ? null : home.Run(order.RunId),
            order.BudgetUsedSeconds,
            order.GlueFolder,
            order.GlueTask,
            order.Seed,
            CpuThreads: corpus || TorchDevice(deviceId) != Cpu
                ? null
                : Threads(options.Value.CpuThreads, Environment.GetEnvironmentVariable("OMP_NUM_THREADS"), DeviceDiscovery.CpuDevices(silo.Value.Devices), Environment.ProcessorCount));
    }

    /// <summary><c>machine/gpu2</c> is <c>cuda:2</c>; everything else computes on the CPU.</summary>
    internal static string TorchDevice(string deviceId)
    {
        string place = deviceId[(deviceId.IndexOf('/', StringComparison.Ordinal) + 1)..];
        return place.StartsWith("gpu", StringComparison.Ordinal) ? "cuda:" + place["gpu".Length..] : Cpu;
    }

    /// <summary>Threads of a worker on a CPU. Each that takes all cores, as libtorch does by itself, is slower beside others than with its share of them.</summary>
    /// <param name="setting"><c>cram:devices:CpuThreads</c>.</param>
    /// <param name="inherited">What the workers inherit of this silo's environment.</param>
    /// <param name="devices">Devices that share the CPU.</param>
    /// <param name="cores">Cores of it.</param>
    internal static int? Threads(int setting, string? inherited, int devices, int cores) =>
        setting > 0 ? setting
        : inherited is { Length: > 0 } || devices == 1 ? null
        : Math.Max(1, cores / devices);
}
