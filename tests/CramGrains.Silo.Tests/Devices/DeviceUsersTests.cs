using CramGrains.Silo.Commands;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Tests.Devices;

/// <summary>One GPU, one user at a time: workers of a cluster and commands without one take the same lock.</summary>
public sealed class DeviceUsersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-users-test-").FullName;
    private readonly HomeFolder _home;
    private readonly string _lock;

    public DeviceUsersTests()
    {
        _home = new HomeFolder(Path.Combine(_folder, "home"), locks: Path.Combine(_folder, "locks"));
        _lock = _home.DeviceLock("lab-1/gpu0");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Take_GpuOfAWorker_IsRefusedUntilTheWorkerHasEnded()
    {
        using (await AcquireAsync(_home))
        {
            var refused = Assert.Throws<IOException>(() => LocalDevice.Take(_lock, "cuda:0", "cram study"));
            Assert.Contains($"cuda:0 is in use by process {Environment.ProcessId} (r-1), and two would share its time.", refused.Message, StringComparison.Ordinal);
        }

        LocalDevice.Take(_lock, "cuda:0", "cram study").Dispose(); // over the file that the worker left behind
    }

    [Fact]
    public async Task Take_Gpu_KeepsWorkersAndOtherCommandsAway()
    {
        using var taken = LocalDevice.Take(_lock, "cuda:0", "cram pretrain");
        Assert.Null(await AcquireAsync(_home));
        var refused = Assert.Throws<IOException>(() => LocalDevice.Take(_lock, "cuda:0", "cram glue"));
        Assert.Contains($"by process {Environment.ProcessId} (cram pretrain)", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_LockMadeUnderAStrictMask_IsOneThatOthersMayTakeToo()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no such modes.");
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(_lock)!);
        File.WriteAllText(_lock, "");
        File.SetUnixFileMode(_lock, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        LocalDevice.Take(_lock, "cuda:0", "cram study").Dispose();
        Assert.True(File.GetUnixFileMode(_lock).HasFlag(UnixFileMode.OtherRead));
        Assert.True(File.GetUnixFileMode(_lock + ".json").HasFlag(UnixFileMode.OtherWrite)); // or the next one would go by the name of the last
    }

    [Fact]
    public void Take_Cpu_IsShared() => Assert.Null(LocalDevice.Take(TorchSharp.torch.CPU, "cram pretrain"));

    [Fact]
    public async Task Others_WorkerOfThisHome_IsNobodyElse()
    {
        using var held = await AcquireAsync(_home);
        Assert.Equal("", DeviceUsers.Others([Environment.ProcessId], _lock, _home));
    }

    [Fact]
    public async Task Others_WorkerOfAnotherHome_IsNamed()
    {
        using var held = await AcquireAsync(new HomeFolder(_home.Root + "-2"));
        Assert.Equal($"is used by process {Environment.ProcessId} (r-1), not of this silo", DeviceUsers.Others([Environment.ProcessId], _lock, _home));
    }

    [Fact]
    public void Others_LockLeftBehind_CountsForNothing()
    {
        LocalDevice.Take(_lock, "cuda:0", "cram study").Dispose();
        Assert.Equal("", DeviceUsers.Others([], _lock, _home));
        Assert.Equal("is used by process 7, not of this cluster", DeviceUsers.Others([7], _lock, _home));
    }

    [Fact]
    public async Task Look_CommandOnAGpu_IsReportedBeforeItComputes()
    {
        var inventory = new DeviceInventory(
            new OneGpu(), _home, Options.Create(new SiloOptions { Machine = "lab-1" }), Options.Create(new DeviceOptions()), new SiloClock(TimeProvider.System));
        Assert.False(Gpu(await inventory.LookAsync()).UsedByOthers);
        using (LocalDevice.Take(_lock, "cuda:0", "cram study"))
        {
            var used = Gpu(await inventory.LookAsync());
            Assert.Equal((true, true, $"is used by process {Environment.ProcessId} (cram study), not of this silo"), (used.Healthy, used.UsedByOthers, used.Message));
        }

        Assert.False(Gpu(await inventory.LookAsync()).UsedByOthers);

        static DeviceReport Gpu((IReadOnlyList<DeviceReport> Reports, IReadOnlyList<GpuReading>) looked) => looked.Reports.Single(report => report.DeviceId == "lab-1/gpu0");
    }

    [Theory]
    [InlineData("gpu1", null, "gpu1")]
    [InlineData("gpu0", "2,0", "gpu2")]
    [InlineData("gpu1", "2, 0", "gpu0")]
    [InlineData("gpu0", "GPU-b", "gpu1")]
    [InlineData("gpu0", "GPU-unknown", "GPU-unknown")]
    [InlineData("gpu3", "2,0", "gpu3")] // not there: CUDA refuses it
    public void OnMachine_Setting_NamesTheSameGpuWhateverItsNumberIs(string place, string? setting, string expected) =>
        Assert.Equal(expected, MachineGpus.OnMachine(place, setting, () => [GpuProbeTests.Gpu(0, "GPU-a"), GpuProbeTests.Gpu(1, "GPU-b"), GpuProbeTests.Gpu(2, "GPU-c")]));

    private Task<DeviceLock?> AcquireAsync(HomeFolder home) => DeviceLock.AcquireAsync(_lock, new(Environment.ProcessId, "r-1", 3, home.Attempt("r-1", 3)), TimeSpan.Zero);

    private sealed class OneGpu : IGpuProbe
    {
        public IReadOnlyList<GpuReading> Read() => [GpuProbeTests.Gpu(0, "GPU-a")];
    }
}
