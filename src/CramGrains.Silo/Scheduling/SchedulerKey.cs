namespace CramGrains.Silo.Scheduling;

/// <summary>There is one scheduler in a cluster.</summary>
internal static class SchedulerKey
{
    public const string Default = "default";
}
