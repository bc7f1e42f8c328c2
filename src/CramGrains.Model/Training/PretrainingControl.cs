namespace CramGrains.Model.Training;

/// <summary>What another thread may ask of a running pretraining; answered after the current optimizer step, or the current microbatch of a held-out measurement.</summary>
public sealed class PretrainingControl
{
    private int _checkpoint;
    private volatile bool _stop;

    /// <summary>Asks for a checkpoint now, besides the regular ones.</summary>
    public void RequestCheckpoint() => Interlocked.Exchange(ref _checkpoint, 1);

    /// <summary>Asks for a checkpoint and then the end. Cannot be taken back.</summary>
    public void RequestStop() => _stop = true;

    /// <summary>True once a stop was asked for.</summary>
    public bool StopRequested => _stop;

    /// <summary>True once for every request of a checkpoint.</summary>
    internal bool TakeCheckpointRequest() => Interlocked.Exchange(ref _checkpoint, 0) == 1;
}
