namespace CramGrains.Silo.Tests.Hosting;

/// <summary>A machine's wall clock, which people and programs set, above time that only goes on.</summary>
internal sealed class SetClock : TimeProvider
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private TimeSpan _passed;

    /// <summary>How wrong the wall clock is.</summary>
    public TimeSpan WallError { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Noon + _passed + WallError;

    public override long GetTimestamp() => _passed.Ticks;

    public void Pass(TimeSpan time) => _passed += time;
}
