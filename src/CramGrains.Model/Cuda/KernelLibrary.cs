using System.Collections.Concurrent;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Cuda.Interop;

namespace CramGrains.Model.Cuda;

/// <summary>A loaded kernel with its fixed block size.</summary>
internal sealed record CudaKernel(string Name, nint Function, int Threads, int SharedBytes);

/// <summary>What to build: a source under <c>Kernels/</c>, its macros, and how it is launched.</summary>
internal sealed record KernelRequest(string Name, int Threads, int SharedBytes = 0, params (string Name, long Value)[] Macros)
{
    /// <summary>What it is launched by: its name, unless one source is built several ways.</summary>
    public string Key { get; init; } = Name;
}

/// <summary>Compiles kernels for the GPU at hand and keeps the machine code in a folder, named by the hash of everything that shaped it.</summary>
internal static class KernelLibrary
{
    private static readonly Lazy<IReadOnlyDictionary<string, string>> Headers = new(() =>
        SourceNames().Where(n => n.EndsWith(".cuh", StringComparison.Ordinal)).ToDictionary(n => n, Read));

    /// <summary>Kernels in a context, by the hash of what shaped them: loaded once in the life of a process, however many engines use them.</summary>
    private static readonly ConcurrentDictionary<(nint Context, string Build, int Shared), nint> Loaded = new();

    /// <summary>Names of all embedded sources, <c>adamw.cu</c> and <c>common.cuh</c> for example.</summary>
    public static IEnumerable<string> SourceNames() =>
        typeof(KernelLibrary).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n[Prefix.Length..]);

    private const string Prefix = "CramGrains.Model.Cuda.Kernels.";

    /// <summary>Builds or reads back every kernel asked for, several at a time.</summary>
    /// <param name="device">The GPU.</param>
    /// <param name="requests">The kernels.</param>
    /// <param name="cacheFolder">Where machine code is kept; null keeps none.</param>
    public static IReadOnlyDictionary<string, CudaKernel> Load(CudaDevice device, IReadOnlyList<KernelRequest> requests, string? cacheFolder)
    {
        Build[] builds = [.. requests.Select(r => BuildOf(device, r))];
        (nint Context, string Build, int Shared)[] keys = [.. requests.Select((r, i) => (device.Context, builds[i].Name, Math.Min(r.SharedBytes, device.SharedBytes)))];
        byte[]?[] images = new byte[requests.Count][];
        Parallel.For(0, requests.Count, i => images[i] = Loaded.ContainsKey(keys[i]) ? null : Image(device, requests[i], builds[i], cacheFolder));
        var kernels = new Dictionary<string, CudaKernel>();
        for (int i = 0; i < requests.Count; i++)
        {
            KernelRequest r = requests[i];
            byte[]? image = images[i];
            nint function = Loaded.GetOrAdd(keys[i], key => device.Driver.LoadKernel(image!, r.Name, key.Shared));
            kernels.Add(r.Key, new CudaKernel(r.Name, function, r.Threads, r.SharedBytes));
        }

        return kernels;
    }

    /// <summary>An embedded source.</summary>
    public static string Read(string file)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + file) ?? throw new ArgumentException($"There is no kernel source {file}.", nameof(file));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static Build BuildOf(CudaDevice device, KernelRequest request)
    {
        Nvrtc compiler = device.Compiler;
        string source = Read(request.Name + ".cu");
        // A GPU newer than the compiler gets PTX of the newest architecture known, which the driver finishes.
        // So does one that takes the place of an older GPU.
        bool known = compiler.Architectures.Contains(device.Architecture), ptx = !known || device.Pretends;
        string architecture = ptx ? $"compute_{(known ? device.Architecture : compiler.Architectures.Max())}" : $"sm_{device.Architecture}";
        List<string> options = [$"--gpu-architecture={architecture}", "--std=c++17", .. request.Macros.Select(m => $"-D{m.Name}={m.Value}")];
        return new($"{request.Name}-{Hash(compiler.Version, source, options)}.{(ptx ? "ptx" : "cubin")}", source, options, ptx);
    }

    private static byte[] Image(CudaDevice device, KernelRequest request, Build build, string? cacheFolder) => Kept(
        cacheFolder is null ? null : Path.Combine(cacheFolder, build.Name),
        () => device.Compiler.Compile(request.Name + ".cu", build.Source, Headers.Value, build.Options, build.Ptx));

    /// <summary>Machine code from its file, or compiled and written there.</summary>
    /// <param name="path">The file; null keeps none.</param>
    /// <param name="compile">Makes it.</param>
    internal static byte[] Kept(string? path, Func<byte[]> compile)
    {
        // An earlier power cut may have left a name without bytes.
        if (path is not null && new FileInfo(path) is { Exists: true, Length: > 0 })
        {
            return File.ReadAllBytes(path);
        }

        byte[] image = compile();
        if (path is not null)
        {
            TryKeep(path, image);
        }

        return image;
    }

    /// <summary>A folder that cannot be written, or a full disk, costs a compilation at the next start and no run.</summary>
    private static void TryKeep(string path, byte[] image)
    {
        // Written aside and renamed, because several processes of one machine may start at once.
        string aside = $"{path}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            DurableFiles.Write(aside, stream => stream.Write(image));
            File.Move(aside, path, overwrite: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(aside))
            {
                File.Delete(aside);
            }
        }
    }

    private static string Hash(string version, string source, List<string> options)
    {
        var text = new StringBuilder(version).Append('\0').Append(source).Append('\0').AppendJoin('\0', options);
        foreach ((string name, string body) in Headers.Value.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            text.Append('\0').Append(name).Append('\0').Append(body);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..24];
    }

    /// <summary>How a kernel is compiled; the name holds the hash of all of it.</summary>
    private sealed record Build(string Name, string Source, List<string> Options, bool Ptx);
}
