namespace CramGrains.Model.Training;

/// <summary>What a training or fine-tuning loop reports while it runs; delivered in order on the loop's thread, so handlers must be quick.</summary>
public abstract record TrainingEvent;

/// <summary>Progress of pretraining, after an optimizer step (not after every one: at most about two a second).</summary>
/// <param name="OptimizerSteps">Optimizer steps done since the run began, over all attempts.</param>
/// <param name="MicrobatchSteps">Microbatch steps done.</param>
/// <param name="TokensSeen">Training tokens read (rows times S), over all attempts.</param>
/// <param name="LossNats">Mean training loss since the last report, at the run's own mask fraction.</param>
/// <param name="LearningRate">Peak learning rate times the schedule's factor at the last step.</param>
/// <param name="GradientNorm">Global gradient norm before clipping at the last step.</param>
/// <param name="BatchSize">Rows in the last batch.</param>
/// <param name="TokensPerSecond">Training tokens per training second since the last report.</param>
/// <param name="BudgetUsedSeconds">Training seconds charged so far, over all attempts.</param>
/// <param name="BudgetFraction">Fraction of the budget used, in [0, 1].</param>
public sealed record PretrainingProgress(
    long OptimizerSteps, long MicrobatchSteps, long TokensSeen, double LossNats, double LearningRate, double GradientNorm,
    int BatchSize, double TokensPerSecond, double BudgetUsedSeconds, double BudgetFraction) : TrainingEvent;

/// <summary>A held-out measurement at 15 % masked.</summary>
/// <param name="OptimizerSteps">Optimizer steps before it.</param>
/// <param name="LossNats">Mean loss over the fixed masked positions.</param>
/// <param name="Rows">Rows evaluated.</param>
public sealed record HeldOutMeasured(long OptimizerSteps, double LossNats, int Rows) : TrainingEvent;

/// <summary>A checkpoint is on disk, flushed, renamed and readable.</summary>
/// <param name="Path">Its folder.</param>
/// <param name="OptimizerSteps">Optimizer steps it holds.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Seconds">Time to write it.</param>
public sealed record CheckpointWritten(string Path, long OptimizerSteps, long Bytes, double Seconds) : TrainingEvent;

/// <summary>A checkpoint that could not be used was passed over for the one before it.</summary>
/// <param name="Path">Its folder.</param>
/// <param name="Problem">What is wrong with it, for people.</param>
public sealed record CheckpointRefused(string Path, string Problem) : TrainingEvent;

/// <summary>Training goes on from a checkpoint.</summary>
/// <param name="Path">Its folder.</param>
/// <param name="OptimizerSteps">Optimizer steps it holds.</param>
/// <param name="BudgetUsedSeconds">Budget used from which training goes on: the larger of the checkpoint's and the budget clock's.</param>
public sealed record Resumed(string Path, long OptimizerSteps, double BudgetUsedSeconds) : TrainingEvent;

/// <summary>A line for the run's log.</summary>
/// <param name="Text">One sentence.</param>
public sealed record TrainingNote(string Text) : TrainingEvent;

/// <summary>Progress of one fine-tuning.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="TotalSteps">Optimizer steps in all.</param>
/// <param name="LossNats">Mean training loss since the last report.</param>
public sealed record FineTuningProgress(long Step, long TotalSteps, double LossNats) : TrainingEvent;
