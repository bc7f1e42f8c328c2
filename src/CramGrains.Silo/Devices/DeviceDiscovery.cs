using System.Diagnostics;
using System.Globalization;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Devices;

/// <summary>Finds the devices of this machine.</summary>
internal static class DeviceDiscovery
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <param name="machine">This machine's name.</param>
    /// <param name="wanted"><c>auto</c> (GPUs, else the CPU), <c>cpu</c>, <c>cpu:N</c> or <c>none</c>.</param>
    public static IReadOnlyList<DeviceReport> Find(string machine, string wanted)
    {
        var data = new DeviceReport($"{machine}/data", machine, DeviceReport.Data, "corpus preparation", 0);
        return wanted switch
        {
            "none" => [data],
            "auto" => Gpus(machine) is { Count: > 0 } gpus ? [.. gpus, data] : [Cpu(machine, "cpu"), data],
            "cpu" => [Cpu(machine, "cpu"), data],
            _ => [.. Enumerable.Range(0, CpuCount(wanted) ?? 0).Select(i => Cpu(machine, $"cpu{i}")), data],
        };
    }

    /// <exception cref="StartupException">The option is none of those that <see cref="Find"/> knows.</exception>
    public static void Check(string wanted)
    {
        if (wanted is not ("none" or "auto" or "cpu") && CpuCount(wanted) is null)
        {
            throw new StartupException($"--devices must be auto, cpu, cpu:N (N from 1 to 64) or none, got '{wanted}'.");
        }
    }

    /// <summary>Lines of <c>nvidia-smi --query-gpu=index,uuid,name,memory.total --format=csv,noheader,nounits</c>; memory in MiB.</summary>
    internal static IReadOnlyList<DeviceReport> ParseNvidiaSmi(string machine, string output)
    {
        var devices = new List<DeviceReport>();
        foreach (string line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] fields = line.Split(',', StringSplitOptions.TrimEntries);
            if (fields.Length < 4 || !int.TryParse(fields[0], CultureInfo.InvariantCulture, out int index))
            {
                continue; // a warning line, such as a mismatch of driver and library
            }

            string name = string.Join(", ", fields[2..^1]);
            bool known = long.TryParse(fields[^1], CultureInfo.InvariantCulture, out long mebibytes); // "[N/A]" where memory is shared with the host
            devices.Add(new DeviceReport($"{machine}/gpu{index}", machine, DeviceReport.Cuda, name, known ? mebibytes << 20 : 0));
        }

        return devices;
    }

    private static IReadOnlyList<DeviceReport> Gpus(string machine)
    {
        try
        {
            using Process? smi = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            });
            if (smi is null)
            {
                return [];
            }

            Task<string> output = smi.StandardOutput.ReadToEndAsync();
            if (!smi.WaitForExit(Patience))
            {
                smi.Kill();
                return [];
            }

            return smi.ExitCode == 0 ? ParseNvidiaSmi(machine, output.GetAwaiter().GetResult()) : [];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return []; // no such program: no NVIDIA driver
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
