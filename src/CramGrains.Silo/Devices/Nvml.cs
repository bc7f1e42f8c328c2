using System.Runtime.InteropServices;

namespace CramGrains.Silo.Devices;

/// <summary>The few functions of NVIDIA's management library that are needed; see NVIDIA's NVML reference. All return 0 when they succeed.</summary>
internal static unsafe partial class Nvml
{
    public const int Success = 0;
    public const int NotSupported = 3;
    public const int InsufficientSize = 7;
    public const int GpuIsLost = 15;
    public const ulong XidCriticalError = 8;

    private const string Library = "libnvidia-ml.so.1";

    [LibraryImport(Library, EntryPoint = "nvmlInit_v2")]
    public static partial int Init();

    [LibraryImport(Library, EntryPoint = "nvmlShutdown")]
    public static partial int Shutdown();

    [LibraryImport(Library, EntryPoint = "nvmlErrorString")]
    public static partial nint ErrorString(int code);

    [LibraryImport(Library, EntryPoint = "nvmlSystemGetDriverVersion")]
    public static partial int DriverVersion(byte* text, uint length);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetCount_v2")]
    public static partial int Count(out uint count);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetHandleByIndex_v2")]
    public static partial int Handle(uint index, out nint device);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetName")]
    public static partial int Name(nint device, byte* text, uint length);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetUUID")]
    public static partial int Uuid(nint device, byte* text, uint length);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetMemoryInfo")]
    public static partial int MemoryInfo(nint device, out Memory memory);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetCudaComputeCapability")]
    public static partial int ComputeCapability(nint device, out int major, out int minor);

    /// <param name="device">The GPU.</param>
    /// <param name="sensor">0 is the chip.</param>
    /// <param name="celsius">Temperature.</param>
    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetTemperature")]
    public static partial int Temperature(nint device, int sensor, out uint celsius);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetUtilizationRates")]
    public static partial int UtilizationRates(nint device, out Utilization percent);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetPowerUsage")]
    public static partial int PowerUsage(nint device, out uint milliwatts);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetComputeRunningProcesses_v3")]
    public static partial int ComputeProcesses(nint device, ref uint count, ProcessInfo* processes);

    [LibraryImport(Library, EntryPoint = "nvmlEventSetCreate")]
    public static partial int EventSetCreate(out nint set);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceRegisterEvents")]
    public static partial int RegisterEvents(nint device, ulong kinds, nint set);

    [LibraryImport(Library, EntryPoint = "nvmlEventSetWait_v2")]
    public static partial int EventSetWait(nint set, out EventData data, uint milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    public struct Memory
    {
        public ulong Total, Free, Used;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Utilization
    {
        public uint Gpu, Memory;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ProcessInfo
    {
        public uint ProcessId;
        public ulong UsedMemory;
        public uint GpuInstance, ComputeInstance;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct EventData
    {
        public nint Device;
        public ulong Kind, Value;
        public uint GpuInstance, ComputeInstance;
    }
}
