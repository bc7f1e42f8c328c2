namespace CramGrains.Silo.Hosting;

/// <summary>The clock of leases, back-off and time stamps. Its own type, so that tests can move it without moving Orleans' timers and membership.</summary>
internal sealed class SiloClock(TimeProvider time)
{
    public TimeProvider Time { get; } = time;

    public DateTimeOffset UtcNow => Time.GetUtcNow();
}
