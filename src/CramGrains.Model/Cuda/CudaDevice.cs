using CramGrains.Model.Cuda.Interop;
using TorchSharp;

namespace CramGrains.Model.Cuda;

/// <summary>One GPU as the fast engine sees it: libtorch's context, the libraries, and launches on the legacy stream, which is libtorch's too.</summary>
internal sealed class CudaDevice
{
    private readonly nint _context;

    private CudaDevice(CudaDriver driver, Nvrtc compiler, CublasLt products, nint context, string name, int architecture, int multiprocessors)
    {
        (Driver, Compiler, Products, _context) = (driver, compiler, products, context);
        (Name, Architecture, Multiprocessors) = (name, architecture, multiprocessors);
    }

    public CudaDriver Driver { get; }

    /// <summary>Where launches and products go: 0, the legacy stream, except while a sequence of them is recorded.</summary>
    public nint Stream { get; set; }

    public Nvrtc Compiler { get; }

    public CublasLt Products { get; }

    public string Name { get; }

    /// <summary>Compute capability times ten, such as 90.</summary>
    public int Architecture { get; }

    public int Multiprocessors { get; }

    /// <summary>Opens the GPU, or says in one sentence what is missing.</summary>
    public static CudaDevice? TryOpen(torch.Device device, out string? whyNot)
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
        int architecture = (10 * driver.Attribute(ordinal, CudaDriver.AttributeMajor)) + driver.Attribute(ordinal, CudaDriver.AttributeMinor);
        string name = driver.Name(ordinal);
        if (architecture < 80)
        {
            whyNot = $"{name} has compute capability {architecture / 10}.{architecture % 10}, and the fast engine needs bfloat16 tensor cores (8.0 or newer)";
            return null;
        }

        if (Nvrtc.TryLoad(out whyNot) is not { } compiler || CublasLt.TryLoad(out whyNot) is not { } products)
        {
            return null;
        }

        return new CudaDevice(driver, compiler, products, context, name, architecture, driver.Attribute(ordinal, CudaDriver.AttributeMultiprocessors));
    }

    /// <summary>Makes the context current; engines call it first, because a loop may move between threads.</summary>
    public void Enter() => Driver.SetCurrent(_context);

    public void Launch(CudaKernel kernel, Grid grid, params ReadOnlySpan<KernelArgument> arguments) =>
        Driver.Launch(kernel.Function, grid, kernel.Threads, kernel.SharedBytes, Stream, arguments, kernel.Name);
}
