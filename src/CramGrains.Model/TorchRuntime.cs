using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TorchSharp;

namespace CramGrains.Model;

/// <summary>Native libtorch could not be loaded; the message says what was looked for, where, and what to do.</summary>
public sealed class TorchLoadException : Exception
{
    /// <summary>Makes the exception.</summary>
    public TorchLoadException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}

/// <summary>The native libtorch of this process.</summary>
/// <param name="Source">How it was found, for people.</param>
/// <param name="Version">Its version where its folder states one; null otherwise.</param>
/// <param name="Libraries">Full paths of the loaded libraries.</param>
/// <param name="CudaDevices">GPUs that it can use; 0 for a CPU build or a machine without one.</param>
public sealed record TorchRuntimeInfo(string Source, string? Version, IReadOnlyList<string> Libraries, int CudaDevices);

/// <summary>Loads native libtorch, once per process, before anything else touches a tensor.</summary>
public static partial class TorchRuntime
{
    private const string Shim = "LibTorchSharp";

    // Dependencies first. CUDA ones are present in CUDA builds only; global_deps pulls in the CUDA toolkit's own libraries on Linux.
    private static readonly (string Name, bool Required)[] Order =
        [("torch_global_deps", false), ("c10", true), ("torch_cpu", true), ("c10_cuda", false), ("torch_cuda", false), ("torch", true)];

    /// <summary>Loads libtorch.</summary>
    /// <param name="libtorchFolder">The <c>torch/lib</c> folder of a Python install; null takes the libtorch that was built with this program.</param>
    /// <exception cref="TorchLoadException">It is missing or does not load.</exception>
    public static TorchRuntimeInfo Load(string? libtorchFolder)
    {
        if (libtorchFolder is not null)
        {
            Preload(libtorchFolder);
        }

        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
        }
        catch (Exception error) when (error is NotSupportedException or DllNotFoundException or TypeInitializationException or BadImageFormatException)
        {
            string reason = error.Message.ReplaceLineEndings("\n").Split('\n')[0];
            throw new TorchLoadException(
                $"Native libtorch does not load: {reason} Build with its package (the default), or set CRAM_LIBTORCH to the torch/lib folder of a Python install of PyTorch 2.10 or later.",
                error);
        }

        string source = libtorchFolder is null ? "built with this program" : $"folder {libtorchFolder}";
        return new(source, Version(libtorchFolder), LoadedLibraries(), torch.cuda.is_available() ? torch.cuda.device_count() : 0);
    }

    private static void Preload(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new TorchLoadException($"The libtorch folder {folder} does not exist. Set CRAM_LIBTORCH to a folder such as .../site-packages/torch/lib.");
        }

        foreach (var (name, required) in Order)
        {
            string path = Path.Combine(folder, FileName(name));
            if (File.Exists(path))
            {
                LoadOne(path);
            }
            else if (required)
            {
                throw new TorchLoadException($"{path} is missing, so {folder} is no libtorch. Set CRAM_LIBTORCH to a folder such as .../site-packages/torch/lib.");
            }
        }

        LoadOne(FindShim());
    }

    private static void LoadOne(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            throw new TorchLoadException($"{path} does not load: {error.Message.Trim()}", error);
        }
    }

    private static string FindShim()
    {
        string[] places =
        [
            Path.Combine(AppContext.BaseDirectory, FileName(Shim)),
            Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native", FileName(Shim)),
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", FileName(Shim)),
        ];
        return places.FirstOrDefault(File.Exists)
            ?? throw new TorchLoadException($"TorchSharp's own library {FileName(Shim)} is not beside this program; looked at {string.Join(", ", places)}. Build again.");
    }

    private static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    private static List<string> LoadedLibraries()
    {
        using var process = Process.GetCurrentProcess();
        var paths = new List<string>();
        foreach (ProcessModule module in process.Modules)
        {
            using (module)
            {
                string name = Path.GetFileName(module.FileName);
                if (name.Contains("torch", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("TorchSharp", StringComparison.Ordinal) || name.Contains("c10", StringComparison.Ordinal))
                {
                    paths.Add(module.FileName);
                }
            }
        }

        return [.. paths.Distinct().Order()];
    }

    /// <summary>A Python install states its version in torch/version.py, a libtorch download in build-version, both one folder up.</summary>
    private static string? Version(string? folder)
    {
        if (folder is null)
        {
            return null;
        }

        string python = Path.Combine(folder, "..", "version.py"), download = Path.Combine(folder, "..", "build-version");
        return File.Exists(python) && PythonVersion().Match(File.ReadAllText(python)) is { Success: true } match ? match.Groups[1].Value
            : File.Exists(download) ? File.ReadAllText(download).Trim()
            : null;
    }

    [GeneratedRegex(@"__version__\s*=\s*['""]([^'""]+)")]
    private static partial Regex PythonVersion();
}
