using CramGrains.Silo.Devices;

namespace CramGrains.Silo.Tests.Devices;

public sealed class GpuProbeTests
{
    [Fact]
    public void Parse_TwoGpusAndTheirProcesses_TakesEveryField()
    {
        IReadOnlyList<GpuReading> gpus = NvidiaSmiGpuProbe.Parse(
            "0, GPU-aaaa, 81559, 4, 9.0, 570.86.15, 31, 0, 70.12, NVIDIA H100 80GB HBM3\n1, GPU-bbbb, 24576, 20000, 8.6, 570.86.15, 64, 97, [N/A], NVIDIA GeForce RTX 3090\n",
            "GPU-bbbb, 4711\nGPU-bbbb, 4712\n");

        Assert.Equal(
            (0, "GPU-aaaa", "NVIDIA H100 80GB HBM3", 81559L << 20, 90, "570.86.15", 31.0, 0.0, 70.12),
            (gpus[0].Index, gpus[0].Uuid, gpus[0].Name, gpus[0].MemoryBytes, gpus[0].Capability, gpus[0].Driver!, gpus[0].TemperatureCelsius!.Value,
                gpus[0].UtilizationFraction!.Value, gpus[0].PowerWatts!.Value));
        Assert.Empty(gpus[0].Processes);
        Assert.Equal([4711, 4712], gpus[1].Processes);
        Assert.Equal((0.97, null), (gpus[1].UtilizationFraction!.Value, gpus[1].PowerWatts));
    }

    [Fact]
    public void Parse_WarningLineAndSharedMemory_SkipsTheOneAndKeepsTheOther()
    {
        IReadOnlyList<GpuReading> gpus = NvidiaSmiGpuProbe.Parse("WARNING: infoROM is corrupted\n0, GPU-c, [N/A], [N/A], 12.1, 580.1, 40, 1, 5, NVIDIA GB10\n", "");

        Assert.Equal((0L, null, 121), (Assert.Single(gpus).MemoryBytes, gpus[0].MemoryUsedBytes, gpus[0].Capability));
    }

    [Theory]
    [InlineData(null, "0:GPU-a 1:GPU-b 2:GPU-c")]
    [InlineData("2,0", "0:GPU-c 1:GPU-a")]
    [InlineData("GPU-b", "0:GPU-b")]
    [InlineData("1,-1,0", "0:GPU-b")]
    [InlineData("", "")]
    public void Visible_Setting_NumbersAsCudaDoes(string? setting, string expected) =>
        Assert.Equal(expected, string.Join(' ', MachineGpus.Visible([Gpu(0, "GPU-a"), Gpu(1, "GPU-b"), Gpu(2, "GPU-c")], setting).Select(g => $"{g.Index}:{g.Uuid}")));

    [Theory]
    [InlineData(new[] { 7 }, null, true, new[] { 7 })] // nobody of ours: whoever is there is a stranger, seen or not
    [InlineData(new[] { 7 }, null, false, new[] { 7 })]
    [InlineData(new[] { 7 }, 7, true, new int[0])]
    [InlineData(new[] { 7, 8 }, 7, true, new[] { 8 })]
    [InlineData(new[] { 9000 }, 7, true, new int[0])] // in a container the driver's numbers are not ours
    public void Strangers_Processes_TellsOursFromOthers(int[] processes, int? holder, bool seen, int[] expected) =>
        Assert.Equal(expected, DeviceUsers.Strangers(processes, holder, _ => seen));

    [Fact]
    [Trait("Category", "Gpu")]
    public void Read_ThisMachine_NamesItsGpus()
    {
        using NvmlGpuProbe? probe = NvmlGpuProbe.TryOpen();
        Assert.SkipWhen(probe is null, "no NVIDIA management library (libnvidia-ml.so.1) on this machine");

        IReadOnlyList<GpuReading> gpus = probe.Read();

        Assert.All(gpus, g => Assert.StartsWith("GPU-", g.Uuid, StringComparison.Ordinal));
        Assert.All(gpus, g => Assert.InRange(g.Capability, 30, 200));
        Assert.All(gpus, g => Assert.Null(g.Problem));
    }

    internal static GpuReading Gpu(int index, string uuid) => new(index, uuid, "Test GPU", 80L << 30, 0, 90, "570.1", 40, 0, 100, [], []);
}
