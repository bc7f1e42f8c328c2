using System.ComponentModel.DataAnnotations;

namespace CramGrains.Silo.Scheduling;

/// <summary>How the scheduler shares devices out; section <c>cram:scheduling</c>.</summary>
internal sealed class SchedulingOptions
{
    /// <summary>Device-hours that a user has used count half after so many hours.</summary>
    [Range(0.01, 10_000)]
    public double FairShareHalfLifeHours { get; set; } = 168;

    /// <summary>Nobody is preempted before having had a device for so long.</summary>
    [Range(0, 86_400)]
    public double GuaranteedRunSeconds { get; set; } = 1800;

    /// <summary>A scheduler that starts anew listens for so long before it gives anything away: the first to ask need not be the first in the queue.</summary>
    [Range(0, 600)]
    public double SettleSeconds { get; set; } = 6;

    /// <summary>An item whose owner has not asked again for so long waits no more. Must exceed the owners' polls many times.</summary>
    [Range(1, 3600)]
    public double ForgetAfterSeconds { get; set; } = 120;

    /// <summary>Seconds after which the owner of a lease is asked whether it holds it, again and again: a grant whose owner never heard of it comes back so.</summary>
    [Range(1, 3600)]
    public double AuditSeconds { get; set; } = 60;

    /// <summary>Longest time between two plans: guaranteed times run out without anything else changing.</summary>
    [Range(0.005, 600)]
    public double ReplanSeconds { get; set; } = 5;
}
