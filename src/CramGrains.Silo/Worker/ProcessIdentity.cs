using System.Globalization;

namespace CramGrains.Silo.Worker;

/// <summary>A process, told apart from a later one that was given the same number: its start time since boot, and which boot.</summary>
/// <param name="ProcessId">Its number.</param>
/// <param name="StartTicks">Clock ticks from boot to its start (Linux), or UTC ticks of its start elsewhere.</param>
/// <param name="BootId">Which boot; empty where the operating system does not say.</param>
internal sealed record ProcessIdentity(int ProcessId, long StartTicks, string BootId)
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    /// <summary>The process that has this number now; null when none is alive (a zombie is not).</summary>
    public static ProcessIdentity? Of(int processId)
    {
        try
        {
            if (!OperatingSystem.IsLinux())
            {
                using var process = System.Diagnostics.Process.GetProcessById(processId);
                return process.HasExited ? null : new ProcessIdentity(processId, process.StartTime.ToUniversalTime().Ticks, "");
            }

            string stat = File.ReadAllText($"/proc/{processId}/stat");
            return ParseStartTicks(stat) is { } ticks ? new ProcessIdentity(processId, ticks, File.ReadAllText(BootIdFile).Trim()) : null;
        }
        catch (Exception problem) when (problem is IOException or ArgumentException or InvalidOperationException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public bool IsAlive => Of(ProcessId) == this;

    /// <summary>Field 22 of <c>/proc/PID/stat</c>; null for a process that is dead but not yet reaped.</summary>
    internal static long? ParseStartTicks(string stat)
    {
        // Field 2, the name, stands in parentheses and may itself hold spaces and parentheses; count from the last one.
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 19 && fields[0] is not ("Z" or "X") ? long.Parse(fields[19], CultureInfo.InvariantCulture) : null;
    }
}
