using System.Text.Json;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Devices;

/// <summary>Tells our worker from strangers among the processes that compute on a GPU.</summary>
internal static class DeviceUsers
{
    /// <summary>Processes that are not this cluster's.</summary>
    /// <param name="processes">All that compute on it, by the driver's numbers.</param>
    /// <param name="holder">Our worker there; null when there is none.</param>
    /// <param name="seen">Whether a process exists under that number here. In a container the driver's numbers are the host's, and say nothing.</param>
    public static IReadOnlyList<int> Strangers(IReadOnlyList<int> processes, int? holder, Func<int, bool> seen) =>
        [.. processes.Where(p => p != holder && (holder is null || (seen(holder.Value) && processes.Contains(holder.Value))))];

    /// <summary>Our worker on the device whose lock this is.</summary>
    public static int? Holder(string lockFile)
    {
        try
        {
            return File.Exists(lockFile) && DeviceLock.IsHeld(lockFile)
                ? JsonSerializer.Deserialize<DeviceHolder>(File.ReadAllBytes(lockFile + ".json"), WorkerJson.Options)?.ProcessId ?? 0
                : null;
        }
        catch (Exception problem) when (problem is IOException or JsonException or UnauthorizedAccessException)
        {
            return 0; // held, by somebody who has not written his name yet: ours
        }
    }

    /// <summary>Whether this machine knows a process of that number.</summary>
    public static bool Exists(int processId) => !OperatingSystem.IsLinux() || Directory.Exists($"/proc/{processId}");
}
