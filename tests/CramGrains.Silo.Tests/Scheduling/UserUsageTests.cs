using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Tests.Scheduling;

public sealed class UserUsageTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);

    [Fact]
    public void SecondsAt_AfterOneHalfLife_IsHalf()
    {
        var usage = new UserUsage { At = Noon };
        usage.Add(TimeSpan.FromHours(10), Noon, Week);

        Assert.Equal(18_000, usage.SecondsAt(Noon + Week, Week), 6);
    }

    [Fact]
    public void Add_Later_DecaysWhatWasThereFirst()
    {
        var usage = new UserUsage { At = Noon };
        usage.Add(TimeSpan.FromHours(10), Noon, Week);
        usage.Add(TimeSpan.FromHours(1), Noon + Week, Week);

        Assert.Equal(6 * 3600, usage.DeviceSeconds, 6);
    }

    [Fact]
    public void SecondsAt_ClockSetBack_TakesNothingAwayAndAddsNothing()
    {
        var usage = new UserUsage { At = Noon };
        usage.Add(TimeSpan.FromHours(1), Noon, Week);
        usage.Add(TimeSpan.FromHours(-5), Noon - Week, Week);

        Assert.Equal(3600, usage.SecondsAt(Noon - Week, Week), 6);
    }
}
