using System.Globalization;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Devices;

/// <summary>The devices that need no driver: the CPU, several simulated devices on it, and the place where corpora are prepared.</summary>
internal static class DeviceDiscovery
{
    /// <param name="machine">This machine's name.</param>
    /// <param name="wanted"><c>cpu</c>, <c>cpu:N</c> or <c>none</c>.</param>
    public static IReadOnlyList<DeviceReport> Fixed(string machine, string wanted) => wanted switch
    {
        "none" => [DataPlace(machine)],
        "cpu" => [Cpu(machine, "cpu"), DataPlace(machine)],
        _ => [.. Enumerable.Range(0, CpuCount(wanted) ?? 0).Select(i => Cpu(machine, $"cpu{i}")), DataPlace(machine)],
    };

    /// <summary>How many devices share this machine's CPU.</summary>
    public static int CpuDevices(string wanted) => CpuCount(wanted) ?? 1;

    public static DeviceReport DataPlace(string machine) => new($"{machine}/data", machine, DeviceReport.Data, "corpus preparation", 0);

    /// <exception cref="StartupException">The option is neither <c>auto</c> nor one of those that <see cref="Fixed"/> knows.</exception>
    public static void Check(string wanted)
    {
        if (wanted is not ("none" or "auto" or "cpu") && CpuCount(wanted) is null)
        {
            throw new StartupException($"--devices must be auto, cpu, cpu:N (N from 1 to 64) or none, got '{wanted}'.");
        }
    }

    private static int? CpuCount(string wanted) =>
        wanted.StartsWith("cpu:", StringComparison.Ordinal) && int.TryParse(wanted["cpu:".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
        && count is >= 1 and <= 64 ? count : null;

    private static DeviceReport Cpu(string machine, string place) => new(
        $"{machine}/{place}", machine, DeviceReport.Cpu, CpuName(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    private static string CpuName()
    {
        const string CpuInfo = "/proc/cpuinfo";
        string? line = File.Exists(CpuInfo) ? File.ReadLines(CpuInfo).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        string name = line is null ? "CPU" : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        return $"{name} ({Environment.ProcessorCount} threads)";
    }
}
