using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>The pretraining loop: one model, one device, one budget (Cramming, section 4.3).</summary>
/// <remarks>
/// B rows per microbatch, S tokens per row. Differs: the reference counts compilation and start-up in the budget, resumes without its data position, and
/// has no held-out data; here the budget is training time alone, a resumed run is bitwise the run that was never stopped, and the held-out loss is measured.
/// The loop waits for the device only where it reports, at most about twice a second.
/// </remarks>
public sealed partial class Pretrainer
{
    private const double ReportSeconds = 0.5;

    private readonly Recipe _recipe;
    private readonly IMicrobatchSource _source;
    private readonly HeldOutLoss _heldOut;
    private readonly IPretrainingEngine _engine;
    private readonly CheckpointStore _checkpoints;
    private readonly TimeProvider _time;
    private readonly IProgress<TrainingEvent> _events;
    private readonly string _corpusDigest;
    private readonly string _recipeJson;
    private readonly string _recipeDigest;
    private readonly MaskedMicrobatch _microbatch;

    private long _optimizerSteps;
    private long _microbatchSteps;
    private double? _heldOutInitial;
    private bool _heldOutIsDue = true;
    private string? _checkpoint;
    private long _checkpointSteps = -1;
    private double _checkpointSeconds;
    private double _secondsPerMicrobatch;
    private double _secondsPerMicrobatchBefore;

    /// <summary>Makes a loop that has not begun.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="training">Rows to train on; stay the caller's, like all that follows.</param>
    /// <param name="heldOut">Rows of the held-out loss.</param>
    /// <param name="engine">The model and its optimizer.</param>
    /// <param name="checkpoints">Where checkpoints go.</param>
    /// <param name="time">The budget's clock.</param>
    /// <param name="events">Told of all that happens, on the thread of <see cref="Run"/>.</param>
    /// <param name="corpusDigest">Identity of the corpus; checkpoints of another are refused.</param>
    /// <exception cref="CorpusException">There are fewer training rows than a microbatch holds.</exception>
    public Pretrainer(
        Recipe recipe, ITokenRows training, ITokenRows heldOut, IPretrainingEngine engine,
        CheckpointStore checkpoints, TimeProvider time, IProgress<TrainingEvent> events, string corpusDigest)
        : this(
            recipe,
            new MicrobatchLoader(training, recipe.Corpus.VocabularySize, recipe.Training.MicrobatchSize, recipe.Seed, recipe.Training.Masking, recipe.Corpus.MasksTextOnly),
            heldOut, engine, checkpoints, time, events, corpusDigest)
    {
    }

    internal Pretrainer(
        Recipe recipe, IMicrobatchSource source, ITokenRows heldOut, IPretrainingEngine engine,
        CheckpointStore checkpoints, TimeProvider time, IProgress<TrainingEvent> events, string corpusDigest)
    {
        (_recipe, _source, _engine, _checkpoints, _time, _events, _corpusDigest) = (recipe, source, engine, checkpoints, time, events, corpusDigest);
        _heldOut = new(heldOut, recipe);
        _recipeJson = RecipeJson.ToCanonicalJson(recipe);
        _recipeDigest = RecipeJson.Digest(recipe);
        _microbatch = new(recipe.Training.MicrobatchSize, recipe.Corpus.SequenceLength, MaximumMasked(recipe));
        Budget = new(recipe, time);
    }

    /// <summary>The run's budget; other threads may read it at any time.</summary>
    public BudgetMeter Budget { get; }

    /// <summary>Whether a run whose budget is used up writes a last checkpoint; one that is stopped before always does. False where only the losses are wanted.</summary>
    public bool CheckpointAtEnd { get; init; } = true;

    /// <summary>Room for masked positions in every microbatch of a run (M), training or held-out: shapes stay fixed though counts may fall.</summary>
    public static int MaximumMasked(Recipe recipe)
    {
        int rows = recipe.Training.MicrobatchSize, s = recipe.Corpus.SequenceLength;
        return Math.Max(MaskCount.PerMicrobatch(rows, s, recipe.Training.MaskFraction), MaskCount.PerMicrobatch(rows, s, MaskCount.HeldOutFraction));
    }

    /// <summary>Trains until the budget is used up or a stop is asked for, from the newest good checkpoint if there is one.</summary>
    /// <param name="budgetUsedSeconds">What the run's budget clock has counted; the larger of it and the checkpoint's is charged.</param>
    /// <param name="control">What other threads may ask for.</param>
    /// <param name="cancellationToken">Ends the call at once, without a checkpoint; to stop with one, use <paramref name="control"/>.</param>
    /// <exception cref="NonFiniteLossException">The loss or the gradient norm is not finite.</exception>
    /// <exception cref="CheckpointWriteException">A checkpoint could not be written.</exception>
    /// <exception cref="CheckpointsUnreadableException">There are checkpoints, and all are damaged.</exception>
    /// <exception cref="CheckpointMismatchException">The checkpoints belong to another run.</exception>
    /// <exception cref="StaleLeaseException">A newer attempt has taken the run over.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public PretrainingResult Run(double budgetUsedSeconds, PretrainingControl control, CancellationToken cancellationToken)
    {
        try
        {
            return BeginTrainEnd(budgetUsedSeconds, control, cancellationToken);
        }
        finally
        {
            Budget.Pause(); // whatever ended it
        }
    }

    private PretrainingResult BeginTrainEnd(double budgetUsedSeconds, PretrainingControl control, CancellationToken cancellationToken)
    {
        // Begin, or go on.
        Restore(budgetUsedSeconds);
        if (_heldOutIsDue)
        {
            _heldOutIsDue = MeasureHeldOut(control, cancellationToken) is null;
        }

        // Train.
        using var window = new ProgressWindow();
        window.Restart(Budget.UsedSeconds);
        int evaluations = EvaluationsDue();
        bool completed;
        while (!(completed = !NextStepFits()) && !control.StopRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Budget.Resume();
            TrainOneStep(window);
            bool evaluate = EvaluationsDue() > evaluations && NextStepFits();
            bool checkpoint = control.TakeCheckpointRequest() || Budget.UsedSeconds - _checkpointSeconds >= _recipe.Checkpoints.IntervalSeconds;
            if (evaluate || checkpoint || ReportIsDue(window))
            {
                Report(window); // waits for the device, so that its time is charged before the clock stops
            }

            if (evaluate)
            {
                evaluations = EvaluationsDue();
                Budget.Pause();
                _heldOutIsDue = MeasureHeldOut(control, cancellationToken) is null;
            }

            if (checkpoint)
            {
                Budget.Pause();
                WriteCheckpoint();
            }
        }

        // End.
        if (window.Microbatches > 0)
        {
            Report(window);
        }

        Budget.Pause();
        if (CheckpointAtEnd || !completed)
        {
            WriteCheckpointUnlessWritten();
        }

        double? heldOutLoss = completed ? MeasureHeldOut(control, cancellationToken) : null;
        if (heldOutLoss is null)
        {
            WriteCheckpointUnlessWritten(); // whoever goes on has only the measurement left to do
        }

        return new(
            heldOutLoss is not null ? PretrainingOutcome.Completed : PretrainingOutcome.Stopped, _optimizerSteps, _microbatchSteps, Budget.UsedTokens, Budget.UsedSeconds,
            Budget.UsedExaflop, _heldOutInitial, heldOutLoss, _checkpointSteps == _optimizerSteps ? _checkpoint! : "", _engine.Weights().Values.Sum(weight => weight.numel()), completed);
    }

    /// <summary>One batch: its microbatches, then the optimizer. Progress is read after the batch, so the last step of a run has a learning rate near zero.</summary>
    private void TrainOneStep(ProgressWindow window)
    {
        using var scope = torch.NewDisposeScope();
        double progress = Budget.Fraction;
        int microbatches = MicrobatchesOfNextStep(progress);
        for (int i = 0; i < microbatches; i++)
        {
            double maskFraction = Schedules.MaskFraction(_recipe.Training, progress);
            _source.Fill(_microbatch, maskFraction);
            SeedDropout();
            window.AddLoss(_engine.Accumulate(_microbatch, 1.0 / microbatches));
            _microbatchSteps++;
            Budget.Charge(TokensPerMicrobatch, ExaflopPerMicrobatch(maskFraction));
        }

        double factor = Schedules.LearningRateFactor(_recipe.Training.Schedule, Budget.Fraction, _microbatchSteps);
        window.AddStep(_engine.Step(factor), factor, microbatches * _microbatch.Rows);
        _optimizerSteps++;
    }

    /// <summary>Waits for the device, checks that all is finite, learns how long a microbatch takes, and reports.</summary>
    private void Report(ProgressWindow window)
    {
        if (window.Microbatches == 0)
        {
            return; // everything is reported already
        }

        var (loss, norm) = window.Read();
        double learningRate = _recipe.Training.Optimizer.LearningRate * window.Factor;
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new NonFiniteLossException(_optimizerSteps, loss, learningRate, norm);
        }

        double used = Budget.UsedSeconds, seconds = used - window.StartSeconds;
        _secondsPerMicrobatchBefore = _secondsPerMicrobatch;
        _secondsPerMicrobatch = seconds / window.Microbatches;
        _events.Report(new PretrainingProgress(
            _optimizerSteps, _microbatchSteps, Budget.UsedTokens, loss, learningRate, norm, window.BatchSize,
            seconds > 0 ? window.Microbatches * TokensPerMicrobatch / seconds : 0, used, Budget.Fraction));
        window.Restart(used);
    }

    /// <summary>Measures, and reports. A stop does not wait for it: what was not measured is due when the run goes on.</summary>
    /// <returns>The held-out loss, nats; null when a stop was asked for before it was known.</returns>
    private double? MeasureHeldOut(PretrainingControl control, CancellationToken cancellationToken)
    {
        if (_heldOut.Measure(_engine, _microbatch, control, cancellationToken) is not { } loss)
        {
            return null;
        }

        _heldOutInitial ??= loss;
        _events.Report(new HeldOutMeasured(_optimizerSteps, loss, _heldOut.Count));
        return loss;
    }

    private long TokensPerMicrobatch => (long)_microbatch.Rows * _microbatch.SequenceLength;

    private double ExaflopPerMicrobatch(double maskFraction) => TokensPerMicrobatch / 1e18
        * ModelCost.FlopsPerToken(_recipe.Architecture, _recipe.Corpus.VocabularySize, _recipe.Corpus.SequenceLength, maskFraction);

    private int MicrobatchesOfNextStep(double progress) => Schedules.BatchSize(_recipe.Training, progress, _microbatchSteps) / _microbatch.Rows;

    /// <summary>Whether the next step ends within the budget, judged by the slower of the last two windows.</summary>
    private bool NextStepFits()
    {
        double progress = Budget.Fraction;
        int microbatches = MicrobatchesOfNextStep(progress);
        return Budget.Fits(
            microbatches * Math.Max(_secondsPerMicrobatch, _secondsPerMicrobatchBefore), microbatches * TokensPerMicrobatch,
            microbatches * ExaflopPerMicrobatch(Schedules.MaskFraction(_recipe.Training, progress)));
    }

    /// <summary>Twice a second; and at every step while none is timed yet or the end is near, where the device must not lag behind the clock.</summary>
    private bool ReportIsDue(ProgressWindow window)
    {
        double step = window.BatchSize / (double)_microbatch.Rows * _secondsPerMicrobatch;
        return _secondsPerMicrobatch == 0 || Budget.UsedSeconds - window.StartSeconds >= ReportSeconds || Budget.SecondsLeft < 4 * step;
    }

    /// <summary>How many of the evaluations spread over the run are due by now.</summary>
    private int EvaluationsDue() => (int)(Budget.Fraction * (_recipe.HeldOut.Evaluations + 1));

    /// <summary>The dropout stream: libtorch's generator is set anew for each microbatch, so a checkpoint needs none of its state.</summary>
    private void SeedDropout()
    {
        if (_recipe.Architecture.Dropout > 0)
        {
            using var generator = torch.manual_seed(unchecked(_recipe.Seed * 1_000_003L + _microbatchSteps));
        }
    }
}
