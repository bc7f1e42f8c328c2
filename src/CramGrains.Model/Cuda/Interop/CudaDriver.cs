using System.Runtime.InteropServices;

namespace CramGrains.Model.Cuda.Interop;

/// <summary>The part of the CUDA driver API that the fast engine uses, as function pointers; each call is checked.</summary>
internal sealed unsafe class CudaDriver
{
    public const int AttributeMultiprocessors = 16, AttributeMajor = 75, AttributeMinor = 76, AttributeSharedPerBlock = 97;
    private const int FunctionMaximumDynamicShared = 8;

    private readonly delegate* unmanaged<int, byte**, int> _errorString;
    private readonly delegate* unmanaged<uint, int> _init;
    private readonly delegate* unmanaged<int*, int, int> _deviceGet;
    private readonly delegate* unmanaged<int*, int, int, int> _deviceAttribute;
    private readonly delegate* unmanaged<byte*, int, int, int> _deviceName;
    private readonly delegate* unmanaged<byte*, int, int> _deviceUuid; // null before CUDA 11.4
    private readonly delegate* unmanaged<nint*, int, int> _primaryRetain;
    private readonly delegate* unmanaged<nint, int> _setCurrent;
    private readonly delegate* unmanaged<nint*, byte*, int> _moduleLoad;
    private readonly delegate* unmanaged<nint*, nint, byte*, int> _moduleFunction;
    private readonly delegate* unmanaged<nint, int, int, int> _functionAttribute;
    private readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> _launch;
    private readonly delegate* unmanaged<nint, void*, nint, nint, int> _copyToDevice;
    private readonly delegate* unmanaged<nint, uint, nint, nint, int> _fill32;
    private readonly delegate* unmanaged<void**, nint, int> _hostAllocate;
    private readonly delegate* unmanaged<void*, int> _hostFree;
    private readonly delegate* unmanaged<nint*, uint, int> _eventCreate;
    private readonly delegate* unmanaged<nint, nint, int> _eventRecord;
    private readonly delegate* unmanaged<nint, int> _eventSynchronize;
    private readonly delegate* unmanaged<float*, nint, nint, int> _eventElapsed;
    private readonly delegate* unmanaged<nint, int> _eventDestroy;
    private readonly delegate* unmanaged<nint, int> _streamSynchronize;
    private readonly delegate* unmanaged<nint*, uint, int> _streamCreate;
    private readonly delegate* unmanaged<nint, int> _streamDestroy;
    private readonly delegate* unmanaged<nint, int, int> _beginCapture;
    private readonly delegate* unmanaged<nint, nint*, int> _endCapture;
    private readonly delegate* unmanaged<nint*, nint, ulong, int> _graphInstantiate;
    private readonly delegate* unmanaged<nint, nint, int> _graphLaunch;
    private readonly delegate* unmanaged<nint, int> _graphDestroy;
    private readonly delegate* unmanaged<nint, int> _graphExecDestroy;

    private CudaDriver(nint library)
    {
        nint Export(string name) => NativeLibrary.GetExport(library, name);
        _errorString = (delegate* unmanaged<int, byte**, int>)Export("cuGetErrorString");
        _init = (delegate* unmanaged<uint, int>)Export("cuInit");
        _deviceGet = (delegate* unmanaged<int*, int, int>)Export("cuDeviceGet");
        _deviceAttribute = (delegate* unmanaged<int*, int, int, int>)Export("cuDeviceGetAttribute");
        _deviceName = (delegate* unmanaged<byte*, int, int, int>)Export("cuDeviceGetName");
        _deviceUuid = (delegate* unmanaged<byte*, int, int>)(NativeLibrary.TryGetExport(library, "cuDeviceGetUuid_v2", out nint uuid) ? uuid : 0);
        _primaryRetain = (delegate* unmanaged<nint*, int, int>)Export("cuDevicePrimaryCtxRetain");
        _setCurrent = (delegate* unmanaged<nint, int>)Export("cuCtxSetCurrent");
        _moduleLoad = (delegate* unmanaged<nint*, byte*, int>)Export("cuModuleLoadData");
        _moduleFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Export("cuModuleGetFunction");
        _functionAttribute = (delegate* unmanaged<nint, int, int, int>)Export("cuFuncSetAttribute");
        _launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Export("cuLaunchKernel");
        _copyToDevice = (delegate* unmanaged<nint, void*, nint, nint, int>)Export("cuMemcpyHtoDAsync_v2");
        _fill32 = (delegate* unmanaged<nint, uint, nint, nint, int>)Export("cuMemsetD32Async");
        _hostAllocate = (delegate* unmanaged<void**, nint, int>)Export("cuMemAllocHost_v2");
        _hostFree = (delegate* unmanaged<void*, int>)Export("cuMemFreeHost");
        _eventCreate = (delegate* unmanaged<nint*, uint, int>)Export("cuEventCreate");
        _eventRecord = (delegate* unmanaged<nint, nint, int>)Export("cuEventRecord");
        _eventSynchronize = (delegate* unmanaged<nint, int>)Export("cuEventSynchronize");
        _eventElapsed = (delegate* unmanaged<float*, nint, nint, int>)Export("cuEventElapsedTime");
        _eventDestroy = (delegate* unmanaged<nint, int>)Export("cuEventDestroy_v2");
        _streamSynchronize = (delegate* unmanaged<nint, int>)Export("cuStreamSynchronize");
        _streamCreate = (delegate* unmanaged<nint*, uint, int>)Export("cuStreamCreate");
        _streamDestroy = (delegate* unmanaged<nint, int>)Export("cuStreamDestroy_v2");
        _beginCapture = (delegate* unmanaged<nint, int, int>)Export("cuStreamBeginCapture_v2");
        _endCapture = (delegate* unmanaged<nint, nint*, int>)Export("cuStreamEndCapture");
        _graphInstantiate = (delegate* unmanaged<nint*, nint, ulong, int>)Export("cuGraphInstantiateWithFlags");
        _graphLaunch = (delegate* unmanaged<nint, nint, int>)Export("cuGraphLaunch");
        _graphDestroy = (delegate* unmanaged<nint, int>)Export("cuGraphDestroy");
        _graphExecDestroy = (delegate* unmanaged<nint, int>)Export("cuGraphExecDestroy");
    }

    /// <summary>Loads and initialises the driver, or says why not.</summary>
    public static CudaDriver? TryLoad(out string? whyNot)
    {
        nint library = NativeLibraries.LoadDriver();
        if (library == 0)
        {
            whyNot = "no NVIDIA driver is installed (libcuda was not found)";
            return null;
        }

        try
        {
            var driver = new CudaDriver(library);
            driver.Check(driver._init(0), "cuInit");
            whyNot = null;
            return driver;
        }
        catch (Exception e) when (e is CudaException or EntryPointNotFoundException)
        {
            whyNot = $"the NVIDIA driver did not start: {e.Message}";
            return null;
        }
    }

    /// <summary>Makes libtorch's own context of the device current on this thread; tensors' addresses are valid in it.</summary>
    public nint UsePrimaryContext(int ordinal, out int device)
    {
        int d;
        nint context;
        Check(_deviceGet(&d, ordinal), "cuDeviceGet");
        Check(_primaryRetain(&context, d), "cuDevicePrimaryCtxRetain");
        device = d;
        SetCurrent(context);
        return context;
    }

    public void SetCurrent(nint context) => Check(_setCurrent(context), "cuCtxSetCurrent");

    public int Attribute(int device, int attribute)
    {
        int value;
        Check(_deviceAttribute(&value, attribute, device), "cuDeviceGetAttribute");
        return value;
    }

    /// <summary>Compute capability times ten, such as 90.</summary>
    public int Architecture(int device) => (10 * Attribute(device, AttributeMajor)) + Attribute(device, AttributeMinor);

    public string Name(int device)
    {
        byte* name = stackalloc byte[256];
        Check(_deviceName(name, 256, device), "cuDeviceGetName");
        return Marshal.PtrToStringUTF8((nint)name)!;
    }

    /// <summary>What <c>nvidia-smi -L</c> calls the GPU of this number here; null where the driver does not say.</summary>
    public string? Uuid(int ordinal)
    {
        int d;
        Span<byte> id = stackalloc byte[16];
        fixed (byte* bytes = id)
        {
            return _deviceUuid != null && _deviceGet(&d, ordinal) == 0 && _deviceUuid(bytes, d) == 0 ? $"GPU-{new Guid(id, bigEndian: true)}" : null;
        }
    }

    /// <summary>Loads a compiled module and returns its one kernel; much dynamic shared memory is asked for here.</summary>
    public nint LoadKernel(byte[] image, string kernel, int dynamicShared)
    {
        nint module, function;
        fixed (byte* p = image)
        {
            Check(_moduleLoad(&module, p), $"cuModuleLoadData of {kernel}");
        }

        fixed (byte* name = System.Text.Encoding.ASCII.GetBytes(kernel + "\0"))
        {
            Check(_moduleFunction(&function, module, name), $"cuModuleGetFunction of {kernel}");
        }

        // 48 KiB are the limit of dynamic and static together, and the static share is the compiler's.
        if (dynamicShared > 40 * 1024)
        {
            Check(_functionAttribute(function, FunctionMaximumDynamicShared, dynamicShared), $"cuFuncSetAttribute of {kernel} to {dynamicShared} bytes of shared memory");
        }

        return function;
    }

    public void Launch(nint function, Grid grid, int threads, int shared, nint stream, ReadOnlySpan<KernelArgument> arguments, string kernel)
    {
        void** pointers = stackalloc void*[arguments.Length];
        fixed (KernelArgument* first = arguments)
        {
            for (int i = 0; i < arguments.Length; i++)
            {
                pointers[i] = first + i;
            }

            Check(_launch(function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)threads, 1, 1, (uint)shared, stream, pointers, null), $"launch of {kernel}");
        }
    }

    public void CopyToDevice(nint destination, void* source, long bytes, nint stream) => Check(_copyToDevice(destination, source, (nint)bytes, stream), "cuMemcpyHtoDAsync");

    public void Fill32(nint destination, uint value, long count, nint stream) => Check(_fill32(destination, value, (nint)count, stream), "cuMemsetD32Async");

    public void* HostAllocate(long bytes)
    {
        void* p;
        Check(_hostAllocate(&p, (nint)bytes), $"cuMemAllocHost of {bytes} bytes");
        return p;
    }

    public void HostFree(void* p) => Check(_hostFree(p), "cuMemFreeHost");

    public nint CreateEvent(bool timing)
    {
        nint e;
        Check(_eventCreate(&e, timing ? 0u : 2u), "cuEventCreate");
        return e;
    }

    public void Record(nint e, nint stream) => Check(_eventRecord(e, stream), "cuEventRecord");

    public void Wait(nint e) => Check(_eventSynchronize(e), "cuEventSynchronize");

    public float Milliseconds(nint from, nint to)
    {
        float ms;
        Check(_eventElapsed(&ms, from, to), "cuEventElapsedTime");
        return ms;
    }

    public void DestroyEvent(nint e) => Check(_eventDestroy(e), "cuEventDestroy");

    public void Synchronize(nint stream) => Check(_streamSynchronize(stream), "cuStreamSynchronize");

    /// <summary>A stream that does not wait for the legacy one, for recording.</summary>
    public nint CreateStream()
    {
        nint stream;
        Check(_streamCreate(&stream, 1), "cuStreamCreate");
        return stream;
    }

    public void DestroyStream(nint stream) => Check(_streamDestroy(stream), "cuStreamDestroy");

    /// <summary>From here on the stream records instead of running. Relaxed: other calls of this process go on as they are.</summary>
    public void BeginCapture(nint stream) => Check(_beginCapture(stream, 2), "cuStreamBeginCapture");

    /// <summary>Ends a recording and makes it launchable.</summary>
    public nint EndCapture(nint stream)
    {
        nint graph, launchable;
        Check(_endCapture(stream, &graph), "cuStreamEndCapture");
        try
        {
            Check(_graphInstantiate(&launchable, graph, 0), "cuGraphInstantiate");
        }
        finally
        {
            Check(_graphDestroy(graph), "cuGraphDestroy");
        }

        return launchable;
    }

    /// <summary>Gives up a recording that went wrong; what the driver says to it does not matter any more.</summary>
    public void AbandonCapture(nint stream)
    {
        nint graph = 0;
        if (_endCapture(stream, &graph) == 0 && graph != 0)
        {
            _graphDestroy(graph);
        }
    }

    public void LaunchGraph(nint graph, nint stream) => Check(_graphLaunch(graph, stream), "cuGraphLaunch");

    public void DestroyGraph(nint graph) => Check(_graphExecDestroy(graph), "cuGraphExecDestroy");

    private void Check(int result, string what)
    {
        if (result == 0)
        {
            return;
        }

        byte* text;
        string reason = _errorString(result, &text) == 0 ? Marshal.PtrToStringUTF8((nint)text)! : "unknown error";
        throw new CudaException($"CUDA: {what} failed with error {result}: {reason}.");
    }
}
