using System.Runtime.InteropServices;
using System.Text;

namespace CramGrains.Silo.Devices;

/// <summary>GPUs by NVIDIA's management library, in this process: cheap enough for every report, and the way to hear of Xid errors.</summary>
internal sealed unsafe class NvmlGpuProbe : IGpuProbe, IDisposable
{
    private const int TextLength = 96;
    private const int MostProcesses = 128;
    private readonly Dictionary<nint, List<int>> _xids = [];
    private readonly nint _events;

    private NvmlGpuProbe(bool hearsEvents, nint events) => (HearsEvents, _events) = (hearsEvents, events);

    /// <summary>Whether the driver tells of Xid errors here.</summary>
    public bool HearsEvents { get; private set; }

    /// <summary>Null where the library is missing or does not start.</summary>
    public static NvmlGpuProbe? TryOpen()
    {
        try
        {
            if (Nvml.Init() != Nvml.Success)
            {
                return null;
            }

            bool hears = Nvml.EventSetCreate(out nint events) == Nvml.Success;
            var probe = new NvmlGpuProbe(hears, events);
            probe.Listen();
            return probe;
        }
        catch (Exception problem) when (problem is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return null;
        }
    }

    public IReadOnlyList<GpuReading> Read()
    {
        Check(Nvml.Count(out uint count), "counting GPUs");
        string? driver = Text((text, length) => Nvml.DriverVersion((byte*)text, length));
        CollectXids();
        return [.. Enumerable.Range(0, (int)count).Select(i => ReadOne(i, driver))];
    }

    public void Dispose() => _ = Nvml.Shutdown();

    private GpuReading ReadOne(int index, string? driver)
    {
        int code = Nvml.Handle((uint)index, out nint device);
        if (code != Nvml.Success)
        {
            return new GpuReading(index, "", "GPU", 0, null, 0, driver, null, null, null, [], [], $"the driver cannot reach it: {Message(code)}");
        }

        int memoryCode = Nvml.MemoryInfo(device, out Nvml.Memory memory);
        bool capable = Nvml.ComputeCapability(device, out int major, out int minor) == Nvml.Success;
        return new GpuReading(
            index,
            Text((text, length) => Nvml.Uuid(device, (byte*)text, length)) ?? "",
            Text((text, length) => Nvml.Name(device, (byte*)text, length)) ?? "GPU",
            memoryCode == Nvml.Success ? (long)memory.Total : 0,
            memoryCode == Nvml.Success ? (long)memory.Used : null,
            capable ? (10 * major) + minor : 0,
            driver,
            Nvml.Temperature(device, 0, out uint celsius) == Nvml.Success ? celsius : null,
            Nvml.UtilizationRates(device, out Nvml.Utilization percent) == Nvml.Success ? percent.Gpu / 100.0 : null,
            Nvml.PowerUsage(device, out uint milliwatts) == Nvml.Success ? milliwatts / 1000.0 : null,
            Processes(device),
            TakeXids(device),
            memoryCode is Nvml.Success or Nvml.NotSupported ? null : Message(memoryCode));
    }

    private static List<int> Processes(nint device)
    {
        var found = new Nvml.ProcessInfo[MostProcesses];
        uint count = MostProcesses;
        fixed (Nvml.ProcessInfo* first = found)
        {
            int code = Nvml.ComputeProcesses(device, ref count, first);
            return code is Nvml.Success or Nvml.InsufficientSize
                ? [.. found.Take((int)Math.Min(count, MostProcesses)).Where(p => p.ProcessId != 0).Select(p => (int)p.ProcessId)]
                : [];
        }
    }

    private void Listen()
    {
        if (!HearsEvents || Nvml.Count(out uint count) != Nvml.Success)
        {
            return;
        }

        for (uint i = 0; i < count; i++)
        {
            HearsEvents &= Nvml.Handle(i, out nint device) == Nvml.Success && Nvml.RegisterEvents(device, Nvml.XidCriticalError, _events) == Nvml.Success;
        }
    }

    private void CollectXids()
    {
        while (HearsEvents && Nvml.EventSetWait(_events, out Nvml.EventData data, 0) == Nvml.Success)
        {
            if (data.Kind == Nvml.XidCriticalError)
            {
                (CollectionsMarshal.GetValueRefOrAddDefault(_xids, data.Device, out _) ??= []).Add((int)data.Value);
            }
        }
    }

    private List<int> TakeXids(nint device) => _xids.Remove(device, out List<int>? xids) ? xids : [];

    private static string? Text(Func<nint, uint, int> read)
    {
        byte* text = stackalloc byte[TextLength];
        return read((nint)text, TextLength) == Nvml.Success ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text)) : null;
    }

    private static void Check(int code, string what)
    {
        if (code != Nvml.Success)
        {
            throw new GpuProbeException($"{what} failed: {Message(code)}");
        }
    }

    private static string Message(int code) =>
        code == Nvml.GpuIsLost ? "it has fallen off the bus; the machine must be restarted" : Marshal.PtrToStringUTF8(Nvml.ErrorString(code)) ?? $"NVML error {code}";
}
