namespace CramGrains.Silo.Worker;

/// <summary>
/// The worker's right to go on, measured on its own monotonic clock: no silo, no store and no wall clock can prolong it by accident.
/// </summary>
/// <remarks>A lease that has run out stays so: a renewal that comes too late must not revive work the cluster may have given to another machine.</remarks>
/// <param name="epoch">Fencing number of the lease.</param>
/// <param name="duration">How long it lasts.</param>
/// <param name="time">The worker's clock.</param>
/// <param name="since">Timestamp of that clock from which it counts: when it was given, which may be a while ago; null for now.</param>
internal sealed class WorkerLease(long epoch, TimeSpan duration, TimeProvider time, long? since = null)
{
    private readonly Lock _gate = new();
    private long _renewedAt = Past(since, time);
    private TimeSpan _duration = duration;
    private bool _expired;

    /// <summary>Fencing number of the lease.</summary>
    public long Epoch { get; } = epoch;

    /// <summary>What is left of it; zero once it has run out.</summary>
    public TimeSpan Remaining
    {
        get
        {
            lock (_gate)
            {
                var left = _duration - time.GetElapsedTime(_renewedAt);
                _expired |= left <= TimeSpan.Zero;
                return _expired ? TimeSpan.Zero : left;
            }
        }
    }

    /// <summary>Starts the lease anew; false when the epoch is not this lease's or it has run out already.</summary>
    /// <param name="epoch">Fencing number of the lease that is meant.</param>
    /// <param name="duration">How long it lasts from then on.</param>
    /// <param name="since">Timestamp from which that counts; null for now.</param>
    public bool TryRenew(long epoch, TimeSpan duration, long? since = null)
    {
        lock (_gate)
        {
            if (epoch != Epoch || Remaining == TimeSpan.Zero)
            {
                return false;
            }

            (_renewedAt, _duration) = (Past(since, time), duration);
            return true;
        }
    }

    private static long Past(long? since, TimeProvider time) => Math.Min(since ?? long.MaxValue, time.GetTimestamp());
}
