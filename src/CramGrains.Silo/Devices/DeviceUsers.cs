using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Devices;

/// <summary>Tells our worker from strangers among the processes that compute on a GPU.</summary>
internal static class DeviceUsers
{
    /// <summary>Says who but us uses a GPU, as what follows its name; empty when nobody does.</summary>
    /// <param name="processes">All that compute on it, by the driver's numbers.</param>
    /// <param name="lockFile">Its lock.</param>
    /// <param name="home">This silo's home, in which its workers have their folders.</param>
    public static string Others(IReadOnlyList<int> processes, string lockFile, HomeFolder home)
    {
        bool held = File.Exists(lockFile) && DeviceLock.IsHeld(lockFile);
        DeviceHolder? holder = held ? DeviceLock.Holder(lockFile) : null;
        if (holder is not null && !holder.WorkFolder.StartsWith(home.Root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            return $"is used by process {holder.ProcessId} ({holder.RunId}), not of this silo"; // also while it still reads its data
        }

        // Held by somebody who has not written his name yet: ours.
        IReadOnlyList<int> strangers = Strangers(processes, held ? holder?.ProcessId ?? 0 : null, Exists);
        return strangers.Count == 0 ? "" : $"is used by {(strangers.Count == 1 ? "process" : "processes")} {string.Join(", ", strangers)}, not of this cluster";
    }

    /// <summary>Processes that are not this cluster's.</summary>
    /// <param name="processes">All that compute on it, by the driver's numbers.</param>
    /// <param name="holder">Our worker there; null when there is none.</param>
    /// <param name="seen">Whether a process exists under that number here. In a container the driver's numbers are the host's, and say nothing.</param>
    public static IReadOnlyList<int> Strangers(IReadOnlyList<int> processes, int? holder, Func<int, bool> seen) =>
        [.. processes.Where(p => p != holder && (holder is null || (seen(holder.Value) && processes.Contains(holder.Value))))];

    /// <summary>Whether this machine knows a process of that number.</summary>
    private static bool Exists(int processId) => !OperatingSystem.IsLinux() || Directory.Exists($"/proc/{processId}");
}
