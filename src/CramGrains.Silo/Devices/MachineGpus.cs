using System.Globalization;

namespace CramGrains.Silo.Devices;

/// <summary>The GPUs of this machine that this silo may use: by the management library, else by <c>nvidia-smi</c>, cut down to <c>CUDA_VISIBLE_DEVICES</c>.</summary>
internal sealed class MachineGpus : IGpuProbe, IDisposable
{
    private readonly string? _visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");
    private readonly NvmlGpuProbe? _library = OperatingSystem.IsLinux() ? NvmlGpuProbe.TryOpen() : null;
    private readonly NvidiaSmiGpuProbe _program = new();

    public IReadOnlyList<GpuReading> Read() => Visible(_library?.Read() ?? _program.Read(), _visible);

    public void Dispose() => _library?.Dispose();

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
