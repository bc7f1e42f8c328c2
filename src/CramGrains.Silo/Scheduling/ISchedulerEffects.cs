using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Scheduling;

/// <summary>What the scheduler does to others. None of it is waited for, all of it may get lost: what matters is durable and is done again.</summary>
internal interface ISchedulerEffects
{
    /// <summary>Tells the owner of an item that it has its place.</summary>
    void Wake(string owner);

    /// <summary>Tells the trainer of a device to end what it does under this epoch.</summary>
    void Evict(string deviceId, long epoch, TerminationReason reason);

    /// <summary>Asks the owner whether it holds the lease, and hands its answer with <paramref name="version"/> to <see cref="ISchedulerQueue.AuditedAsync"/>.</summary>
    void Audit(string owner, string itemId, long epoch, long version);
}
