using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Worker;

/// <summary>What the worker has been asked to do; the first reason to stop stands.</summary>
internal sealed class WorkerOrders : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private int _reason;

    /// <summary>Cancelled when the job should end.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Why the job should end; None while it should not.</summary>
    public TerminationReason Reason => (TerminationReason)Volatile.Read(ref _reason);

    /// <summary>Raised when a checkpoint is asked for.</summary>
    public event Action? CheckpointAsked;

    /// <summary>Asks for a checkpoint as soon as the optimizer step at hand is done.</summary>
    public void AskForCheckpoint() => CheckpointAsked?.Invoke();

    /// <summary>Asks the job to save a checkpoint and end.</summary>
    public void AskToStop(TerminationReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)TerminationReason.None) == (int)TerminationReason.None)
        {
            _stop.Cancel();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _stop.Dispose();
}
