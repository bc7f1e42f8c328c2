using System.Diagnostics;
using System.Globalization;

namespace CramGrains.Silo.Devices;

/// <summary>GPUs by the program <c>nvidia-smi</c>, for machines whose management library cannot be opened from here. It hears of no Xid errors.</summary>
internal sealed class NvidiaSmiGpuProbe : IGpuProbe
{
    private const string Fields = "index,uuid,memory.total,memory.used,compute_cap,driver_version,temperature.gpu,utilization.gpu,power.draw,name";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(20); // a process for each report would be too many
    private IReadOnlyList<GpuReading>? _last;
    private long _readAt;

    public IReadOnlyList<GpuReading> Read()
    {
        if (_last is null || Stopwatch.GetElapsedTime(_readAt) > Fresh)
        {
            if (Run($"--query-gpu={Fields}") is not { } gpus)
            {
                return [];
            }

            _last = Parse(gpus, Run("--query-compute-apps=gpu_uuid,pid") ?? "");
            _readAt = Stopwatch.GetTimestamp();
        }

        return _last;
    }

    /// <summary>Reads what <c>--format=csv,noheader,nounits</c> prints: memory in MiB, power in W, use in percent.</summary>
    /// <param name="gpus">A line per GPU.</param>
    /// <param name="processes">A line per process: the GPU's UUID, the process.</param>
    internal static IReadOnlyList<GpuReading> Parse(string gpus, string processes)
    {
        var byUuid = Lines(processes).Where(f => f.Length >= 2 && int.TryParse(f[1], CultureInfo.InvariantCulture, out _))
            .ToLookup(f => f[0], f => int.Parse(f[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
        var found = new List<GpuReading>();
        foreach (string[] fields in Lines(gpus))
        {
            if (fields.Length < 10 || !int.TryParse(fields[0], CultureInfo.InvariantCulture, out int index))
            {
                continue; // a warning line, such as a mismatch of driver and library
            }

            found.Add(new GpuReading(
                index, fields[1], string.Join(", ", fields[9..]), (long)((Number(fields[2]) ?? 0) * (1 << 20)), Number(fields[3]) is { } used ? (long)(used * (1 << 20)) : null,
                (int)Math.Round((Number(fields[4]) ?? 0) * 10), fields[5], Number(fields[6]), Number(fields[7]) / 100, Number(fields[8]), [.. byUuid[fields[1]]], []));
        }

        return found;
    }

    private static IEnumerable<string[]> Lines(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(l => l.Split(',', StringSplitOptions.TrimEntries));

    // "[N/A]" where the GPU does not know.
    private static double? Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null;

    private static string? Run(string query)
    {
        try
        {
            using Process? smi = Process.Start(new ProcessStartInfo("nvidia-smi", [query, "--format=csv,noheader,nounits"]) { RedirectStandardOutput = true, UseShellExecute = false });
            if (smi is null)
            {
                return null;
            }

            Task<string> output = smi.StandardOutput.ReadToEndAsync();
            if (!smi.WaitForExit(Patience))
            {
                smi.Kill();
                throw new GpuProbeException($"nvidia-smi has not answered for {Patience.TotalSeconds:0} s; its driver may hang");
            }

            string said = output.GetAwaiter().GetResult();
            return smi.ExitCode == 0 ? said : throw new GpuProbeException($"nvidia-smi ended with code {smi.ExitCode}: {said.Trim()}");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null; // no such program: no NVIDIA driver
        }
    }
}
