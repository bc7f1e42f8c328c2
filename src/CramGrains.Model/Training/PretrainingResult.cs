namespace CramGrains.Model.Training;

/// <summary>How a pretraining ended well.</summary>
public enum PretrainingOutcome
{
    /// <summary>The budget is used up and the held-out loss measured.</summary>
    Completed = 1,

    /// <summary>It was asked to stop, and has written a checkpoint.</summary>
    Stopped = 2,
}

/// <summary>What a pretraining made.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="OptimizerSteps">Optimizer steps, over all attempts.</param>
/// <param name="MicrobatchSteps">Microbatch steps, over all attempts.</param>
/// <param name="TokensSeen">Training tokens read, over all attempts.</param>
/// <param name="BudgetUsedSeconds">Training seconds charged, over all attempts.</param>
/// <param name="ExaflopUsed">Model operations done in 1e18, over all attempts.</param>
/// <param name="HeldOutLossInitial">Held-out loss before the first step, nats; null when stopped before it was measured.</param>
/// <param name="HeldOutLoss">Held-out loss at the end, nats; null when stopped before.</param>
/// <param name="Checkpoint">Folder of the last checkpoint; empty where none was wanted.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="BudgetIsUsedUp">True when no step is left to be made: of a stopped one, only the held-out loss is still to be measured.</param>
public sealed record PretrainingResult(
    PretrainingOutcome Outcome,
    long OptimizerSteps,
    long MicrobatchSteps,
    long TokensSeen,
    double BudgetUsedSeconds,
    double ExaflopUsed,
    double? HeldOutLossInitial,
    double? HeldOutLoss,
    string Checkpoint,
    long Parameters,
    bool BudgetIsUsedUp);

/// <summary>The loss or the gradient norm became infinite or not a number. The weights are lost; the last checkpoint was written before it.</summary>
/// <param name="step">Optimizer steps done.</param>
/// <param name="lossNats">Mean loss since the report before.</param>
/// <param name="learningRate">Learning rate of the last step.</param>
/// <param name="gradientNorm">Gradient norm of the last step before clipping.</param>
public sealed class NonFiniteLossException(long step, double lossNats, double learningRate, double gradientNorm) : ArithmeticException(
    FormattableString.Invariant(
        $"The loss is {lossNats} at optimizer step {step} (learning rate {learningRate:G4}, gradient norm {gradientNorm}). Lower training.optimizer.learning_rate, or clip with training.gradient_clip_norm."))
{
    /// <summary>Optimizer steps done.</summary>
    public long Step { get; } = step;

    /// <summary>Mean loss since the report before.</summary>
    public double LossNats { get; } = lossNats;

    /// <summary>Learning rate of the last step.</summary>
    public double LearningRate { get; } = learningRate;

    /// <summary>Gradient norm of the last step before clipping.</summary>
    public double GradientNorm { get; } = gradientNorm;
}
