using System.Diagnostics;
using System.Runtime.InteropServices;

namespace CramGrains.Model.Cuda.Interop;

/// <summary>Finds NVIDIA's libraries next to the libtorch in this process, so that both use the same build of them.</summary>
internal static class NativeLibraries
{
    /// <summary>Loads the driver's library, which every machine with an NVIDIA driver has.</summary>
    public static nint LoadDriver() =>
        NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint handle) ? handle : 0;

    /// <summary>Loads a toolkit library by stem (<c>nvrtc</c>, <c>cublasLt</c>): the one already loaded, else one beside libtorch, else the system's.</summary>
    public static nint LoadToolkit(string stem)
    {
        string[] modules = LoadedModules();
        foreach (string path in modules)
        {
            if (IsLibrary(Path.GetFileName(path), stem) && NativeLibrary.TryLoad(path, out nint handle))
            {
                return handle;
            }
        }

        foreach (string folder in FoldersBeside(modules))
        {
            foreach (string path in Directory.EnumerateFiles(folder).Where(f => IsLibrary(Path.GetFileName(f), stem)).OrderDescending(StringComparer.Ordinal))
            {
                if (NativeLibrary.TryLoad(path, out nint handle))
                {
                    return handle;
                }
            }
        }

        // Sonames of CUDA 13, 12 and 11; NVRTC 11 stayed at 11.2.
        foreach (string version in (ReadOnlySpan<string>)["13", "12", "11.2", "11"])
        {
            if (NativeLibrary.TryLoad($"lib{stem}.so.{version}", out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }

    /// <summary>The file name is the library's, with any version or hash (<c>libnvrtc-2bb82d1a.so.12</c>, <c>nvrtc64_120_0.dll</c>), and not a companion of it.</summary>
    internal static bool IsLibrary(string file, string stem)
    {
        ReadOnlySpan<char> rest = file;
        if (rest.StartsWith("lib" + stem, StringComparison.Ordinal))
        {
            rest = rest[(3 + stem.Length)..];
            return rest.Contains(".so", StringComparison.Ordinal) && !rest.Contains("builtins", StringComparison.Ordinal)
                && !rest.Contains(".alt", StringComparison.Ordinal) && (rest[0] is '.' or '-');
        }

        return file.StartsWith(stem + "64_", StringComparison.Ordinal) && file.EndsWith(".dll", StringComparison.Ordinal) && !file.Contains(".alt", StringComparison.Ordinal);
    }

    private static string[] LoadedModules()
    {
        using var process = Process.GetCurrentProcess();
        return [.. process.Modules.Cast<ProcessModule>().Select(m => m.FileName).Where(Path.IsPathRooted)];
    }

    /// <summary>Folders that may hold the toolkit: those of loaded CUDA libraries, and, for a Python install, <c>nvidia/*/lib</c> beside <c>torch/lib</c>.</summary>
    private static IEnumerable<string> FoldersBeside(string[] modules)
    {
        string[] folders = [.. modules.Where(m => Path.GetFileName(m) is var f && (f.Contains("torch_cuda", StringComparison.Ordinal)
            || f.Contains("c10_cuda", StringComparison.Ordinal) || f.Contains("cublas", StringComparison.Ordinal) || f.Contains("cudart", StringComparison.Ordinal)))
            .Select(m => Path.GetDirectoryName(m)!).Distinct()];
        foreach (string folder in folders)
        {
            yield return folder;
        }

        foreach (string folder in folders.Where(f => f.EndsWith(Path.Combine("torch", "lib"), StringComparison.Ordinal)))
        {
            string packages = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(folder)!)!, "nvidia");
            if (Directory.Exists(packages))
            {
                foreach (string lib in Directory.EnumerateDirectories(packages).Select(p => Path.Combine(p, "lib")).Where(Directory.Exists))
                {
                    yield return lib;
                }
            }
        }
    }
}
