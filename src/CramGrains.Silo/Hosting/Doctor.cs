using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using CramGrains.Model;
using CramGrains.Silo.Worker;
using TorchSharp;

namespace CramGrains.Silo.Hosting;

/// <summary>How a check came out.</summary>
internal enum DoctorVerdict
{
    Ok = 1,
    Warning = 2,
    Error = 3,
}

/// <summary>One thing looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="Status">How it came out.</param>
/// <param name="Detail">What was found.</param>
/// <param name="Advice">What to do; null when there is nothing to do.</param>
internal sealed record DoctorCheck(string Name, DoctorVerdict Status, string Detail, string? Advice = null);

/// <summary>Says what this machine has for training and what it lacks: libtorch and how it was found, CPU, GPU, driver, clock.</summary>
internal static class Doctor
{
    private const double Gibibyte = 1L << 30;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Prints one JSON object with all checks; 0 unless one is an error.</summary>
    public static int Run(TextWriter output)
    {
        IReadOnlyList<DoctorCheck> checks = [Processor(), .. Torch(), Driver("nvidia-smi", Patience), Clock()];
        output.WriteLine(JsonSerializer.Serialize(new { checks }, WorkerJson.Options));
        return checks.Any(check => check.Status == DoctorVerdict.Error) ? 1 : 0;
    }

    private static DoctorCheck Processor()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Gibibyte;
        var detail = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {memory:F1} GiB memory, {RuntimeInformation.OSDescription}");
        return memory < 4
            ? new DoctorCheck("machine", DoctorVerdict.Warning, detail, "Less than 4 GiB: keep to small recipes such as recipes/quickstart.json.")
            : new DoctorCheck("machine", DoctorVerdict.Ok, detail);
    }

    private static IEnumerable<DoctorCheck> Torch()
    {
        DoctorCheck library;
        var usable = false;
        try
        {
            var found = TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
            using var probe = torch.ones(2, 2).sum();
            usable = probe.item<float>() == 4f;
            var detail = $"{found.Version ?? "version unknown"}, {found.Source}";
            library = usable
                ? new DoctorCheck("libtorch", DoctorVerdict.Ok, detail)
                : new DoctorCheck("libtorch", DoctorVerdict.Error, $"{detail}, but 2 x 2 ones do not sum to 4.", "Reinstall libtorch.");
        }
        catch (TorchLoadException problem)
        {
            library = new DoctorCheck(
                "libtorch", DoctorVerdict.Error, problem.Message,
                "Build without -p:CramLibTorch=none, or point CRAM_LIBTORCH at the torch/lib folder of a Python install of torch 2.10 or 2.11.");
        }

        yield return library;
        if (!usable)
        {
            yield break;
        }

        yield return torch.cuda.is_available()
            ? new DoctorCheck("gpu", DoctorVerdict.Ok, string.Create(CultureInfo.InvariantCulture, $"{torch.cuda.device_count()} CUDA device(s) usable by libtorch"))
            : new DoctorCheck("gpu", DoctorVerdict.Warning, "none usable by libtorch; training will run on the CPU",
                "With an NVIDIA GPU: build with -p:CramCuda=true, or point CRAM_LIBTORCH at a Python install of torch with CUDA.");
    }

    /// <summary>Asks the driver, which may hang, and then most of all somebody asks the doctor.</summary>
    internal static DoctorCheck Driver(string program, TimeSpan patience)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> said = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(patience))
            {
                process.Kill(entireProcessTree: true);
                return new DoctorCheck("driver", DoctorVerdict.Error, $"nvidia-smi has not answered for {patience.TotalSeconds:0.#} s: the driver hangs", "Look into the kernel's log (dmesg); a restart of the machine mends most of it.");
            }

            var lines = said.GetAwaiter().GetResult().Trim();
            return process.ExitCode == 0
                ? new DoctorCheck("driver", DoctorVerdict.Ok, lines.ReplaceLineEndings("; "))
                : new DoctorCheck("driver", DoctorVerdict.Warning, $"nvidia-smi ended with {process.ExitCode}: {lines}", "Check the NVIDIA driver.");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new DoctorCheck("driver", DoctorVerdict.Warning, "nvidia-smi not found: no NVIDIA driver on this machine", "Install the NVIDIA driver if there is a GPU.");
        }
    }

    private static DoctorCheck Clock() => Stopwatch.IsHighResolution
        ? new DoctorCheck("clock", DoctorVerdict.Ok, string.Create(CultureInfo.InvariantCulture, $"monotonic, {Stopwatch.Frequency / 1e6:F0} MHz ticks, UTC {DateTimeOffset.UtcNow:u}"))
        : new DoctorCheck("clock", DoctorVerdict.Warning, "no high-resolution monotonic clock", "Budgets will be counted coarsely.");
}
