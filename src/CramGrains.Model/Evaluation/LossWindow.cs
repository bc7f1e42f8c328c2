using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>Keeps the losses of a few steps on the device: the loop waits for it once per window, and a bad loss is still named by its own step.</summary>
internal sealed class LossWindow(string task, FineTuningPlan plan, int length, Device device) : IDisposable
{
    private readonly Tensor _losses = zeros(length, device: device).DetachFromDisposeScope(); // [window] float32
    private long _steps;

    /// <summary>Mean loss of the last full window.</summary>
    public double Mean { get; private set; }

    /// <summary>Takes the loss of the next step.</summary>
    /// <returns>True at the end of a window and of the training, when <see cref="Mean"/> is new.</returns>
    /// <exception cref="NonFiniteFineTuningLossException">A loss of the window is not a number.</exception>
    public bool Add(Tensor loss)
    {
        using (no_grad())
        {
            _losses[_steps % length].copy_(loss);
        }

        _steps++;
        if (_steps % length != 0 && _steps != plan.TotalSteps)
        {
            return false;
        }

        int count = (int)((_steps - 1) % length) + 1;
        float[] window = _losses.cpu().data<float>().ToArray(); // the loop's only sync
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            if (!float.IsFinite(window[i]))
            {
                long step = _steps - count + i;
                throw new NonFiniteFineTuningLossException(task, step + 1, plan.LearningRate(step), window[i]);
            }

            sum += window[i];
        }

        Mean = sum / count;
        return true;
    }

    public void Dispose() => _losses.Dispose();
}
