using CramGrains.Model.Recipes;

namespace CramGrains.Model.Evaluation;

/// <summary>What one fine-tuning of one task with one seed gave.</summary>
/// <param name="Task">The task.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Scores">Every metric on every dev file, measured once, after the last step.</param>
/// <param name="TrainExamples">Training examples used.</param>
/// <param name="EvaluationExamples">Dev examples scored.</param>
/// <param name="BrokenRows">Rows of the files that were passed over.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="TrainingSeconds">Time of the training loop.</param>
/// <param name="ExamplesPerSecond">Training examples per second of it.</param>
/// <param name="FinalLoss">Mean training loss of the last few steps: cross-entropy in nats, or squared error for regression.</param>
public sealed record FineTuningResult(
    GlueTaskName Task, int Seed, IReadOnlyList<GlueScore> Scores, int TrainExamples, int EvaluationExamples, int BrokenRows,
    long Steps, double TrainingSeconds, double ExamplesPerSecond, double FinalLoss);

/// <summary>The loss of a fine-tuning stopped being a number. Never skipped: the weights are lost, and the score with them.</summary>
public sealed class NonFiniteFineTuningLossException : Exception
{
    internal NonFiniteFineTuningLossException(string task, long step, double learningRate, double loss)
        : base(FormattableString.Invariant($"Fine-tuning '{task}': the loss is {loss} at step {step}, learning rate {learningRate:g4}. ")
            + "Lower fine_tuning.learning_rate, or check that the pretrained weights are sound.")
    {
        Step = step;
        LearningRate = learningRate;
        Loss = loss;
    }

    /// <summary>The step, counted from 1.</summary>
    public long Step { get; }

    /// <summary>The learning rate of that step.</summary>
    public double LearningRate { get; }

    /// <summary>NaN or an infinity.</summary>
    public double Loss { get; }
}
