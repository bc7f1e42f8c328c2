using System.CommandLine;
using System.Diagnostics;
using CramGrains.Model;
using CramGrains.Model.Training;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>The device of a local command, and its end by Ctrl-C or SIGTERM.</summary>
internal static class LocalDevice
{
    private const string LockSetting = "cram__silo__LockFolder";

    // A silo that looks whether the lock is held has it for a moment.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // `timeout` and systemd signal a whole group, of which cram hands it on to this process.
    private static readonly TimeSpan SameAsk = TimeSpan.FromSeconds(1);

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

    /// <summary>Keeps a GPU for this process until it is disposed, by the lock that workers of a cluster hold: two would share its time, which budgets and studies count. A CPU may be shared.</summary>
    /// <param name="device">The device.</param>
    /// <param name="command">Who asks, for others that find it taken.</param>
    /// <exception cref="IOException">A worker or another command uses it.</exception>
    public static IDisposable? Take(torch.Device device, string command) =>
        device.type == DeviceType.CUDA ? Take(HomeFolder.GpuLock(LockFolder(), OnMachine(Math.Max(0, device.index))), device.ToString(), command) : null;

    /// <summary>The same by the GPU's lock.</summary>
    internal static IDisposable Take(string lockFile, string device, string command)
    {
        try
        {
            return DeviceLock.AcquireAsync(lockFile, DeviceHolder.OfCommand(command), Patience).GetAwaiter().GetResult() ?? throw new IOException(
                $"{device} is in use{(DeviceLock.Holder(lockFile) is { } other ? $" by process {other.ProcessId} ({other.RunId})" : "")}, and two would share its time. Wait for it, or name another --device. Its lock is {lockFile}.");
        }
        catch (UnauthorizedAccessException problem)
        {
            throw new IOException(
                $"{problem.Message} It is the lock of {device}, which all users of this machine share. Let everybody write in {Path.GetDirectoryName(lockFile)} (chmod 1777), or name another folder for all, silos included, with {LockSetting}.", problem);
        }
    }

    /// <summary>A GPU's name on the machine. CUDA may number them otherwise here than the driver does, so it is asked for its own name.</summary>
    private static string OnMachine(int index)
    {
        if (DeviceNames.UuidOfGpu(index) is not { } uuid)
        {
            return MachineGpus.OnMachine($"gpu{index}");
        }

        try
        {
            using var all = new MachineGpus(visible: null);
            return all.Read().FirstOrDefault(gpu => gpu.Uuid == uuid) is { } found ? $"gpu{found.Index}" : uuid;
        }
        catch (GpuProbeException)
        {
            return MachineGpus.OnMachine($"gpu{index}");
        }
    }

    /// <summary>Where the settings of this machine's silo have its locks, as far as they are known here: in the home folder, and the environment.</summary>
    private static string? LockFolder()
    {
        string settings = Path.Combine(LocalCorpora.Home(), HomeFolder.SettingsName);
        try
        {
            return ServeConfiguration.Bind(ServeConfiguration.Load(File.Exists(settings) ? [settings] : []), "silo", new SiloOptions()).LockFolder;
        }
        catch (StartupException problem)
        {
            throw new ArgumentException(problem.Message, problem);
        }
    }

    /// <summary>Runs an action that is told of Ctrl-C, of SIGTERM, and of the end of the <c>cram</c> that started it; a second signal ends the process, unless it is the first that came twice.</summary>
    public static void UntilInterrupted(Action<CancellationToken> action)
    {
        using var stop = new CancellationTokenSource();
        long asked = 0;
        void Ask(System.Runtime.InteropServices.PosixSignalContext signal)
        {
            long now = Stopwatch.GetTimestamp(), first = Interlocked.CompareExchange(ref asked, now, 0);
            signal.Cancel = first == 0 || Stopwatch.GetElapsedTime(first, now) < SameAsk;
            stop.Cancel();
        }

        using var interrupt = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGINT, Ask);
        using var terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGTERM, Ask);
        using var starter = StarterWatch.Begin(Environment.GetEnvironmentVariable(StarterWatch.Variable), stop.Cancel);
        action(stop.Token);
    }
}
