using CramGrains.Model.Training;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Model.Tests.Training;

public sealed class BudgetMeterTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void UsedSeconds_PausedAndResumed_CountsRunningTimeOnly()
    {
        var meter = new BudgetMeter(TestRecipes.Tiny(hours: 1), _time);
        _time.Advance(TimeSpan.FromSeconds(100)); // before the first step
        meter.Resume();
        _time.Advance(TimeSpan.FromSeconds(10));
        meter.Pause();
        _time.Advance(TimeSpan.FromSeconds(1000)); // evaluating
        meter.Resume();
        meter.Resume(); // twice is once
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(15, meter.UsedSeconds, 1e-9);
    }

    [Fact]
    public void UsedSeconds_Restored_GoesOnFromThere()
    {
        var meter = new BudgetMeter(TestRecipes.Tiny(hours: 1), _time);
        meter.Restore(1000, 0, 0);
        meter.Resume();
        _time.Advance(TimeSpan.FromSeconds(800));
        Assert.Equal(1800, meter.UsedSeconds, 1e-9);
        Assert.Equal(0.5, meter.Fraction, 1e-12);
    }

    [Fact]
    public void UsedSeconds_WallClockSetBack_IsNotChanged()
    {
        var meter = new BudgetMeter(TestRecipes.Tiny(hours: 1), new WallClockJumps(_time));
        meter.Resume();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(5, meter.UsedSeconds, 1e-9);
    }

    [Theory]
    [InlineData(3599, true)]
    [InlineData(3600, true)]
    [InlineData(3601, false)]
    public void Fits_BudgetOfTime_IsJudgedBySeconds(double expected, bool fits) =>
        Assert.Equal(fits, new BudgetMeter(TestRecipes.Tiny(hours: 1), _time).Fits(expected, tokens: long.MaxValue / 2, exaflop: 1e9));

    [Fact]
    public void Fits_TimeUsedUp_IsFalseEvenForAStepOfUnknownLength()
    {
        var meter = new BudgetMeter(TestRecipes.Tiny(hours: 1), _time);
        meter.Restore(3600, 0, 0);
        Assert.False(meter.Fits(0, 1, 0));
    }

    [Theory]
    [InlineData(40, true)]
    [InlineData(41, false)]
    public void Fits_BudgetOfTokens_IsJudgedByTokens(long tokens, bool fits)
    {
        var meter = new BudgetMeter(TestRecipes.Tiny(tokens: 100), _time);
        meter.Charge(60, 0);
        Assert.Equal(fits, meter.Fits(1e9, tokens, 1e9));
        Assert.Equal(0.6, meter.Fraction, 1e-12);
    }

    [Theory]
    [InlineData(1.5, true)]
    [InlineData(1.6, false)]
    public void Fits_BudgetOfCompute_IsJudgedByOperations(double exaflop, bool fits)
    {
        var meter = new BudgetMeter(TestRecipes.Tiny() with { BudgetTokens = null, BudgetExaflop = 2 }, _time);
        meter.Charge(1_000_000, 0.5);
        Assert.Equal(fits, meter.Fits(1e9, 1, exaflop));
        Assert.Equal(0.25, meter.Fraction, 1e-12);
    }

    /// <summary>A wall clock that goes wild while the monotonic one goes on.</summary>
    private sealed class WallClockJumps(TimeProvider monotonic) : TimeProvider
    {
        private int _calls;

        public override long TimestampFrequency => monotonic.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddYears(++_calls % 2 * 50);

        public override long GetTimestamp() => monotonic.GetTimestamp();
    }
}
