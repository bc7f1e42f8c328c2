using CramGrains.Silo.Worker;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Worker;

/// <summary>From when on a lease counts: from when it was given, however long it was on its way to the worker.</summary>
public sealed class WorkerLeaseTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Remaining_GivenAWhileAgo_IsLessByThat()
    {
        long given = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(25));

        Assert.Equal(TimeSpan.FromSeconds(35), new WorkerLease(1, Minute, _time, given).Remaining);
    }

    [Fact]
    public void Remaining_GivenLongerAgoThanItLasts_IsNothing()
    {
        long given = _time.GetTimestamp();
        _time.Advance(Minute);

        var lease = new WorkerLease(1, Minute, _time, given);

        Assert.Equal(TimeSpan.Zero, lease.Remaining);
        Assert.False(lease.TryRenew(1, Minute));
    }

    /// <summary>Whoever sent the renewal stood still between asking for leave and sending it.</summary>
    [Fact]
    public void TryRenew_OnItsWayForAWhile_CountsFromWhenItWasSent()
    {
        var lease = new WorkerLease(1, Minute, _time);
        _time.Advance(TimeSpan.FromSeconds(10));
        long sent = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(40));

        Assert.True(lease.TryRenew(1, Minute, sent));

        Assert.Equal(TimeSpan.FromSeconds(20), lease.Remaining);
    }

    [Fact]
    public void TryRenew_FromATimeThatIsStillToCome_CountsFromNow()
    {
        var lease = new WorkerLease(1, Minute, _time);

        Assert.True(lease.TryRenew(1, Minute, _time.GetTimestamp() + _time.TimestampFrequency));

        Assert.Equal(Minute, lease.Remaining);
    }

    [Fact]
    public void TryRenew_AnotherEpoch_ChangesNothing()
    {
        var lease = new WorkerLease(1, Minute, _time);
        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.False(lease.TryRenew(2, Minute));

        Assert.Equal(TimeSpan.FromSeconds(50), lease.Remaining);
    }
}
