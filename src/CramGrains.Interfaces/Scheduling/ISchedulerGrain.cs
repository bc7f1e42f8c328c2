using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using Orleans.Concurrency;

namespace CramGrains.Interfaces.Scheduling;

/// <summary>The one scheduler of the cluster (key <c>default</c>): knows all runs and all devices and plans who gets what.</summary>
[Alias("cram.ISchedulerGrain")]
public interface ISchedulerGrain : IGrainWithStringKey
{
    /// <summary>All runs, newest first, at most <paramref name="limit"/> and <see cref="RunQuery.LargestLimit"/>; <see cref="PageRunsAsync"/> gives the others too.</summary>
    [Alias("ListRuns"), AlwaysInterleave]
    Task<IReadOnlyList<RunView>> ListRunsAsync(int limit);

    /// <summary>Runs by pages, newest first.</summary>
    [Alias("PageRuns"), AlwaysInterleave]
    Task<RunPage> PageRunsAsync(RunQuery query);

    /// <summary>All devices that have ever reported, by id.</summary>
    [Alias("ListDevices"), AlwaysInterleave]
    Task<IReadOnlyList<DeviceView>> ListDevicesAsync();

    /// <summary>Records an order for a device or a machine; durable when it returns. The same command id again gives the same answer and changes nothing.</summary>
    [Alias("CommandDevices")]
    Task<CommandOutcome> CommandDevicesAsync(DeviceCommand command);
}
