using CramGrains.Model.Modules;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>What happened since the last report. Losses add up on the device, so that reading them is the loop's only sync.</summary>
internal sealed class ProgressWindow : IDisposable
{
    private Tensor? _lossSum;
    private Tensor? _gradientNorm;

    /// <summary>Microbatch steps in the window.</summary>
    public long Microbatches { get; private set; }

    /// <summary>Training seconds used when the window began.</summary>
    public double StartSeconds { get; private set; }

    /// <summary>Rows in the last batch.</summary>
    public int BatchSize { get; private set; }

    /// <summary>Learning-rate factor of the last step.</summary>
    public double Factor { get; private set; }

    /// <summary>Adds the loss of a microbatch, a scalar on the device.</summary>
    public void AddLoss(Tensor loss)
    {
        using var scope = NewDisposeScope();
        var sum = (_lossSum?.Plus(loss) ?? loss.clone()).DetachFromDisposeScope();
        _lossSum?.Dispose();
        _lossSum = sum;
        Microbatches++;
    }

    /// <summary>Notes an optimizer step.</summary>
    public void AddStep(Tensor gradientNorm, double factor, int batchSize)
    {
        _gradientNorm?.Dispose();
        _gradientNorm = gradientNorm.DetachFromDisposeScope();
        (Factor, BatchSize) = (factor, batchSize);
    }

    /// <summary>Waits for the device and reads the mean loss and the last gradient norm.</summary>
    public (double LossNats, double GradientNorm) Read() => (_lossSum!.item<float>() / (double)Microbatches, _gradientNorm!.item<float>()); // sync

    /// <summary>Begins the next window.</summary>
    public void Restart(double usedSeconds)
    {
        Dispose();
        (_lossSum, _gradientNorm, Microbatches, StartSeconds) = (null, null, 0, usedSeconds);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lossSum?.Dispose();
        _gradientNorm?.Dispose();
    }
}
