using CramGrains.Model.Cuda.Interop;
using TorchSharp;

namespace CramGrains.Model.Cuda;

/// <summary>One GPU as the fast engine sees it: libtorch's context, the libraries, and launches on the legacy stream, which is libtorch's too.</summary>
internal sealed class CudaDevice
{
    private const int Oldest = 75;

    /// <summary>GPUs that were opened, by ordinal: context, compiler and libraries stay for the life of the process.</summary>
    private static readonly Dictionary<int, CudaDevice> Opened = [];

    private readonly nint _context;

    private CudaDevice(CudaDriver driver, Nvrtc compiler, CublasLt products, nint context, string name, int architecture, int multiprocessors, int sharedBytes)
    {
        (Driver, Compiler, Products, _context) = (driver, compiler, products, context);
        (Name, Architecture, Multiprocessors, SharedBytes) = (name, architecture, multiprocessors, sharedBytes);
    }

    public CudaDriver Driver { get; }

    /// <summary>libtorch's context of the GPU.</summary>
    public nint Context => _context;

    /// <summary>Where launches and products go: 0, the legacy stream, except while a sequence of them is recorded.</summary>
    public nint Stream { get; set; }

    public Nvrtc Compiler { get; }

    public CublasLt Products { get; }

    public string Name { get; }

    /// <summary>Compute capability times ten, such as 90; kernels are compiled for it.</summary>
    public int Architecture { get; private init; }

    /// <summary>Whether kernels are compiled for an older capability than the GPU's own.</summary>
    public bool Pretends { get; private init; }

    /// <summary>Its tensor cores take bfloat16; older ones (7.5) take float16 alone.</summary>
    public bool HasBfloat16 => Architecture >= 80;

    /// <summary>Shared memory that one block may ask for.</summary>
    public int SharedBytes { get; private init; }

    public int Multiprocessors { get; }

    /// <summary>Opens the GPU, or says in one sentence what is missing. Each caller has a <see cref="Stream"/> of its own.</summary>
    public static CudaDevice? TryOpen(torch.Device device, out string? whyNot)
    {
        lock (Opened)
        {
            int ordinal = Math.Max(0, device.index);
            whyNot = null;
            if (device.type != DeviceType.CUDA || !Opened.TryGetValue(ordinal, out CudaDevice? open))
            {
                if (TryOpenFirst(device, out whyNot) is not { } first)
                {
                    return null;
                }

                Opened[ordinal] = open = first;
            }

            open.Enter();
            return new(open.Driver, open.Compiler, open.Products, open._context, open.Name, open.Architecture, open.Multiprocessors, open.SharedBytes);
        }
    }

    private static CudaDevice? TryOpenFirst(torch.Device device, out string? whyNot)
    {
        if (device.type != DeviceType.CUDA)
        {
            whyNot = $"the device is {device}, and only CUDA GPUs have the fast engine";
            return null;
        }

        // The first tensor makes libtorch create its context.
        using (torch.zeros(1, device: device))
        {
        }

        if (CudaDriver.TryLoad(out whyNot) is not { } driver)
        {
            return null;
        }

        nint context = driver.UsePrimaryContext(Math.Max(0, device.index), out int ordinal);
        int architecture = driver.Architecture(ordinal);
        string name = driver.Name(ordinal);
        if (architecture < Oldest)
        {
            whyNot = $"{name} has compute capability {architecture / 10}.{architecture % 10}, and the fast engine needs {Oldest / 10}.{Oldest % 10} or newer";
            return null;
        }

        if (Nvrtc.TryLoad(out whyNot) is not { } compiler || CublasLt.TryLoad(out whyNot) is not { } products)
        {
            return null;
        }

        return new CudaDevice(
            driver, compiler, products, context, name, architecture, driver.Attribute(ordinal, CudaDriver.AttributeMultiprocessors),
            driver.Attribute(ordinal, CudaDriver.AttributeSharedPerBlock));
    }

    /// <summary>This GPU with the kernels and the limits of an older one, so that they can be checked without it.</summary>
    /// <param name="architecture">75 or newer, not newer than the GPU.</param>
    public CudaDevice As(int architecture)
    {
        if (architecture < Oldest || architecture > Architecture)
        {
            throw new NotSupportedException($"{Name} has compute capability {Architecture}; it can take the place of {Oldest} to {Architecture}, got {architecture}.");
        }

        return new(Driver, Compiler, Products, _context, Name, Architecture, Multiprocessors, SharedBytes)
        {
            Architecture = architecture, Pretends = architecture < Architecture,
            // CUDA C++ Programming Guide, table of technical specifications per compute capability.
            SharedBytes = Math.Min(SharedBytes, architecture switch { 75 => 64, 80 or 87 => 163, 86 or 89 => 99, _ => 227 } * 1024),
        };
    }

    /// <summary>Makes the context current; engines call it first, because a loop may move between threads.</summary>
    public void Enter() => Driver.SetCurrent(_context);

    public void Launch(CudaKernel kernel, Grid grid, params ReadOnlySpan<KernelArgument> arguments) =>
        Driver.Launch(kernel.Function, grid, kernel.Threads, kernel.SharedBytes, Stream, arguments, kernel.Name);
}
