using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Tests.Commands;
using CramGrains.Silo.Worker;
using CramGrains.Silo.Worker.Jobs;
using Microsoft.Extensions.Options;
using TorchSharp;

namespace CramGrains.Silo.Tests.Devices;

/// <summary>What a worker is told of the CPU that it shares.</summary>
[Collection(nameof(ConsoleCollection))] // alone: libtorch's threads are the process'
public sealed class WorkerAssignmentsTests
{
    [Theory]
    [InlineData(0, null, 1, 8, null)] // libtorch knows best what one worker takes
    [InlineData(0, null, 4, 8, 2)]
    [InlineData(0, null, 4, 2, 1)]
    [InlineData(0, "3", 4, 8, null)] // inherited by the worker
    [InlineData(5, "3", 4, 8, 5)]
    public void Threads_DevicesOfACpu_ShareItsCores(int setting, string? inherited, int devices, int cores, int? expected) =>
        Assert.Equal(expected, WorkerAssignments.Threads(setting, inherited, devices, cores));

    [Theory]
    [InlineData("lab-1/cpu1", "FineTune", 3)]
    [InlineData("lab-1/gpu0", "Pretrain", null)]
    [InlineData("lab-1/data", "PrepareCorpus", null)]
    public void Make_Setting_IsForWorkersOnACpuAlone(string device, string job, int? expected) => Assert.Equal(expected, Make(device, Enum.Parse<WorkerJob>(job)).CpuThreads);

    [Fact]
    public void Device_AssignedThreads_AreTaken()
    {
        Model.TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
        int before = torch.get_num_threads();
        try
        {
            torch.set_num_threads(1);
            Assert.Equal(DeviceType.CPU, WorkerRecipe.Device(Make("lab-1/cpu0", WorkerJob.Pretrain)).type);
            Assert.Equal(3, torch.get_num_threads());
        }
        finally
        {
            torch.set_num_threads(before);
        }
    }

    /// <summary>A service and the users of its machine need not have one <c>TMPDIR</c>, and must not share a GPU.</summary>
    [Fact]
    public void Make_GpuLock_IsTheMachinesWhateverTheTemporaryFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no folder that is everybody's.");
        string? before = Environment.GetEnvironmentVariable("TMPDIR");
        try
        {
            Environment.SetEnvironmentVariable("TMPDIR", "/var/tmp");
            Assert.Equal("/tmp/cramgrains-devices/gpu0.lock", Make("lab-1/gpu0", WorkerJob.Pretrain).DeviceLockFile);
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", before);
        }
    }

    private static WorkerAssignment Make(string device, WorkerJob job) =>
        new WorkerAssignments(new HomeFolder("/home-of-nobody"), Options.Create(new DeviceOptions { CpuThreads = 3 }), Options.Create(new SiloOptions { Devices = "cpu:2" }))
            .Make(device, new WorkOrder("r-1", 2, job, "{}", "c0ffee"));
}
