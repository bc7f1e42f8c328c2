using System.CommandLine;
using CramGrains.Model;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>The device of a local command, and its end by Ctrl-C or SIGTERM.</summary>
internal static class LocalDevice
{
    /// <summary>The option that names a device.</summary>
    public static Option<string?> Option() => new("--device") { Description = "cuda:0 or cpu; the first GPU where libtorch can use one." };

    /// <summary>Loads libtorch and chooses.</summary>
    /// <exception cref="ArgumentException">No such device.</exception>
    public static torch.Device Choose(string? wanted)
    {
        var runtime = TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
        string name = wanted is null ? runtime.CudaDevices > 0 ? "cuda:0" : "cpu" : wanted == "cuda" ? "cuda:0" : wanted; // one name a device: studies lock by it
        bool gpu = wanted == "cuda" || (name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), out int index) && index >= 0 && index < runtime.CudaDevices);
        if (name != "cpu" && !gpu)
        {
            throw new ArgumentException($"--device must be cpu or cuda:N with N below {runtime.CudaDevices} (GPUs that libtorch can use here), got '{name}'.");
        }

        return gpu && runtime.CudaDevices == 0
            ? throw new ArgumentException($"--device {name}: this libtorch has no usable CUDA. Build with -p:CramCuda=true or set CRAM_LIBTORCH; 'cram doctor' says more.")
            : torch.device(name);
    }

    /// <summary>Runs an action that is told of Ctrl-C and SIGTERM; a second one ends the process.</summary>
    public static void UntilInterrupted(Action<CancellationToken> action)
    {
        using var stop = new CancellationTokenSource();
        void Ask(System.Runtime.InteropServices.PosixSignalContext signal)
        {
            signal.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }

        using var interrupt = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGINT, Ask);
        using var terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGTERM, Ask);
        action(stop.Token);
    }
}
