using System.Globalization;
using System.Text.Json;
using CramGrains.Interfaces.Runs;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Silo.Worker.Jobs;

/// <summary>Pretrains under the budget, from the newest good checkpoint if the run has one.</summary>
internal sealed class PretrainJob : IWorkerJob
{
    private readonly WorkerAssignment _assignment;
    private readonly WorkerBoard _board;
    private readonly WorkerOrders _orders;
    private readonly PretrainingControl _control = new();
    private readonly string _runFolder;
    private StreamWriter? _metrics;
    private volatile Pretrainer? _pretrainer;
    private double? _heldOutInitial;
    private long _checkpointedAt;

    public PretrainJob(WorkerAssignment assignment, WorkerBoard board, WorkerOrders orders)
    {
        (_assignment, _board, _orders) = (assignment, board, orders);
        _runFolder = assignment.RunFolder ?? throw new InvalidDataException("A pretraining assignment needs run_folder.");
        orders.CheckpointAsked += _control.RequestCheckpoint;
        orders.Stopping.Register(_control.RequestStop);
    }

    public double BudgetUsedSeconds => Math.Max(_assignment.BudgetUsedSeconds, _pretrainer?.Budget.UsedSeconds ?? 0);

    public bool Finished { get; private set; }

    public WorkerResult Run()
    {
        var recipe = WorkerRecipe.Read(_assignment);
        var device = WorkerRecipe.Device(_assignment);
        using var corpus = Corpus.Open(Path.Combine(_assignment.CorporaFolder, _assignment.CorpusDigest), verify: false);
        using var engine = PretrainingEngines.Create(recipe, corpus.Encoder.VocabularySize, device, WorkerRecipe.KernelCache(_assignment), note => _board.Notice(note));
        var store = new CheckpointStore(Path.Combine(_runFolder, "checkpoints"), recipe.Checkpoints.Keep, _assignment.LeaseEpoch);
        _metrics = MetricsFile.Append(_runFolder);
        _pretrainer = new Pretrainer(recipe, corpus.Training, corpus.HeldOut, engine, store, TimeProvider.System, new DirectProgress<TrainingEvent>(Show), _assignment.CorpusDigest);
        _board.Update(status => status with { Phase = WorkerPhase.Running, Message = $"pretraining on {_assignment.Device} with the {engine.Name} engine" });

        var result = _pretrainer.Run(_assignment.BudgetUsedSeconds, _control, CancellationToken.None);
        Finished = result.Outcome == PretrainingOutcome.Completed;
        string? product = DeviceNames.Of(device);
        return new WorkerResult(
            OptimizerSteps: result.OptimizerSteps, TokensSeen: result.TokensSeen, HeldOutLossInitial: result.HeldOutLossInitial, HeldOutLoss: result.HeldOutLoss,
            Checkpoint: result.Checkpoint, Parameters: result.Parameters, Engine: engine.Name, DeviceName: product ?? _assignment.Device,
            CorpusTokens: corpus.Training.Count * recipe.Corpus.SequenceLength, ExaflopUsed: result.ExaflopUsed, PeakTeraflops: GpuPeaks.OfProduct(product),
            BudgetIsUsedUp: result.BudgetIsUsedUp);
    }

    public void Dispose() => _metrics?.Dispose();

    private void Show(TrainingEvent happened)
    {
        Record(happened);
        switch (happened)
        {
            case PretrainingProgress p:
                Progress(progress => progress with
                {
                    Phase = "pretraining", Fraction = p.BudgetFraction, OptimizerSteps = p.OptimizerSteps, TokensSeen = p.TokensSeen, LossNats = p.LossNats,
                    LearningRate = p.LearningRate, GradientNorm = p.GradientNorm, BatchSize = p.BatchSize, TokensPerSecond = p.TokensPerSecond,
                    CheckpointAgeSeconds = _checkpointedAt == 0 ? null : TimeProvider.System.GetElapsedTime(_checkpointedAt).TotalSeconds,
                });
                break;
            case HeldOutMeasured measured:
                _heldOutInitial ??= measured.LossNats;
                Progress(progress => progress with { HeldOutLossNats = measured.LossNats });
                break;
            case CheckpointWritten written:
                _checkpointedAt = TimeProvider.System.GetTimestamp();
                Progress(progress => progress with { CheckpointSteps = written.OptimizerSteps, CheckpointAgeSeconds = 0, CheckpointSeconds = written.Seconds });
                break;
            case CheckpointRefused refused:
                _board.Notice($"Checkpoint {Path.GetFileName(refused.Path)} could not be used and the one before it is tried: {refused.Problem}");
                break;
            case Resumed resumed:
                _board.Notice(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Went on from {Path.GetFileName(resumed.Path)} at optimizer step {resumed.OptimizerSteps} with {resumed.BudgetUsedSeconds:F1} s of the budget used."));
                break;
            case TrainingNote note:
                _board.Notice(note.Text);
                break;
        }
    }

    private void Progress(Func<RunProgress, RunProgress> change) => _board.Update(status => status with
    {
        BudgetUsedSeconds = BudgetUsedSeconds,
        Progress = change(status.Progress ?? new RunProgress("pretraining")),
    });

    /// <summary>One line of metrics.jsonl per event: what <c>results/</c> and plots are made from.</summary>
    private void Record(TrainingEvent happened) => _metrics?.WriteLine(JsonSerializer.Serialize(
        new { at = DateTimeOffset.UtcNow, lease_epoch = _assignment.LeaseEpoch, @event = happened.GetType().Name, data = (object)happened }, WorkerJson.Options));
}
