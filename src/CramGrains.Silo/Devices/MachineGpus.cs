using System.Collections.Concurrent;
using System.Globalization;

namespace CramGrains.Silo.Devices;

/// <summary>The GPUs of this machine that this silo may use: by the management library, else by <c>nvidia-smi</c>, cut down to <c>CUDA_VISIBLE_DEVICES</c>.</summary>
/// <param name="visible">That setting; null for all GPUs.</param>
internal sealed class MachineGpus(string? visible) : IGpuProbe, IDisposable
{
    private static readonly string? Setting = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");
    private static readonly ConcurrentDictionary<string, string> Known = new(StringComparer.Ordinal);
    private readonly NvmlGpuProbe? _library = OperatingSystem.IsLinux() ? NvmlGpuProbe.TryOpen() : null;
    private readonly NvidiaSmiGpuProbe _program = new();

    public MachineGpus()
        : this(Setting)
    {
    }

    public IReadOnlyList<GpuReading> Read() => Visible(_library?.Read() ?? _program.Read(), visible);

    public void Dispose() => _library?.Dispose();

    /// <summary>What a GPU of this process is called on the machine, whatever <c>CUDA_VISIBLE_DEVICES</c> shows of it here.</summary>
    /// <param name="place"><c>gpu0</c> for the first that this process sees.</param>
    public static string OnMachine(string place) => Known.GetOrAdd(place, here => OnMachine(here, Setting, () =>
    {
        using var all = new MachineGpus(visible: null);
        return all.Read();
    }));

    /// <summary>The same by a setting and the GPUs that a driver lists, which is asked only where the setting names UUIDs.</summary>
    internal static string OnMachine(string place, string? setting, Func<IReadOnlyList<GpuReading>> all)
    {
        string[] names = setting?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        if (!int.TryParse(place.AsSpan("gpu".Length), NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number >= names.Length || names[number].Length == 0)
        {
            return place;
        }

        string name = names[number];
        return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? Place(index)
            : all().FirstOrDefault(gpu => gpu.Uuid.StartsWith(name, StringComparison.Ordinal)) is { } found ? Place(found.Index)
            : name;

        static string Place(int number) => string.Create(CultureInfo.InvariantCulture, $"gpu{number}");
    }

    /// <summary>Numbers GPUs as CUDA does under this setting: only those that it names, in its order, up to the first that is not there.</summary>
    /// <param name="all">All GPUs.</param>
    /// <param name="setting">Indices or beginnings of UUIDs, separated by commas; null for all.</param>
    internal static IReadOnlyList<GpuReading> Visible(IReadOnlyList<GpuReading> all, string? setting)
    {
        if (setting is null)
        {
            return all;
        }

        var visible = new List<GpuReading>();
        foreach (string name in setting.Split(',', StringSplitOptions.TrimEntries))
        {
            GpuReading? gpu = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
                ? all.FirstOrDefault(g => g.Index == index)
                : name.Length > 0 ? all.FirstOrDefault(g => g.Uuid.StartsWith(name, StringComparison.Ordinal)) : null;
            if (gpu is null)
            {
                break;
            }

            visible.Add(gpu with { Index = visible.Count });
        }

        return visible;
    }
}
