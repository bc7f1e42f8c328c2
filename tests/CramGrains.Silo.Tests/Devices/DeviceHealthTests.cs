using CramGrains.Silo.Devices;

namespace CramGrains.Silo.Tests.Devices;

public sealed class DeviceHealthTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(79)]
    [InlineData(48)]
    [InlineData(119)]
    public void Judge_ErrorOfTheHardware_IsUnusableForAnHourAndNotForEver(int xid)
    {
        DeviceHealth health = Health();

        Assert.Contains($"Xid {xid} at 12:00:00", health.Judge(Reading() with { Xids = [xid] }, Noon), StringComparison.Ordinal);
        Assert.NotNull(health.Judge(Reading(), Noon.AddMinutes(59)));
        Assert.Null(health.Judge(Reading(), Noon.AddMinutes(60)));
    }

    [Theory]
    [InlineData(13)]
    [InlineData(31)]
    [InlineData(43)]
    public void Judge_ErrorOfAProgram_IsUsable(int xid) => Assert.Null(Health().Judge(Reading() with { Xids = [xid] }, Noon));

    [Fact]
    public void Judge_Hot_StaysUnusableUntilItHasCooled()
    {
        DeviceHealth health = Health();

        Assert.Null(health.Judge(Reading() with { TemperatureCelsius = 91 }, Noon));
        Assert.Contains("92 °C hot", health.Judge(Reading() with { TemperatureCelsius = 92 }, Noon), StringComparison.Ordinal);
        Assert.NotNull(health.Judge(Reading() with { TemperatureCelsius = 85 }, Noon));
        Assert.Null(health.Judge(Reading() with { TemperatureCelsius = 81 }, Noon));
    }

    [Fact]
    public void Judge_DriverCannotReachIt_SaysWhatTheDriverSays() =>
        Assert.Equal("it has fallen off the bus", Health().Judge(Reading() with { Problem = "it has fallen off the bus" }, Noon));

    private static DeviceHealth Health() => new(92, TimeSpan.FromHours(1));

    private static GpuReading Reading() => GpuProbeTests.Gpu(0, "GPU-a");
}
