namespace CramGrains.Silo.Scheduling;

/// <summary>Device-seconds that a user has used, halved with each half-life that has passed.</summary>
internal sealed class UserUsage
{
    public double DeviceSeconds { get; set; }

    /// <summary>As of when.</summary>
    public DateTimeOffset At { get; set; }

    /// <summary>What counts now. A clock that was set back takes nothing away.</summary>
    public double SecondsAt(DateTimeOffset now, TimeSpan halfLife) => DeviceSeconds * Math.Pow(0.5, Math.Max(0, (now - At) / halfLife));

    public void Add(TimeSpan used, DateTimeOffset now, TimeSpan halfLife)
    {
        DeviceSeconds = SecondsAt(now, halfLife) + Math.Max(0, used.TotalSeconds);
        At = now;
    }
}
