using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using Microsoft.Extensions.Time.Testing;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

/// <summary>A pretrainer over a tiny engine and a fake clock that the engine moves: every microbatch takes a second.</summary>
internal sealed class TrainingRig : IDisposable, IProgress<TrainingEvent>
{
    private readonly IPretrainingEngine _engine;

    public TrainingRig(Recipe recipe, string folder, Func<IPretrainingEngine, IPretrainingEngine>? wrap = null, string corpusDigest = "", bool checkpointAtEnd = true)
    {
        _engine = new TickingEngine(new EagerEngine(recipe, 64, CPU), this);
        _engine = wrap?.Invoke(_engine) ?? _engine;
        var rows = new PatternRows(64, recipe.Corpus.SequenceLength);
        Pretrainer = new(recipe, new PatternSource(rows), rows, _engine, new CheckpointStore(folder, 2), Time, this, corpusDigest) { CheckpointAtEnd = checkpointAtEnd };
    }

    public FakeTimeProvider Time { get; } = new();

    public PretrainingControl Control { get; } = new();

    public Pretrainer Pretrainer { get; }

    public List<TrainingEvent> Events { get; } = [];

    public List<double> Factors { get; } = [];

    public Action<TrainingEvent> OnEvent { get; set; } = _ => { };

    /// <summary>Called after each optimizer step with its number in this rig.</summary>
    public Action<int> OnStep { get; set; } = _ => { };

    public PretrainingResult Run(double budgetUsed = 0) => Pretrainer.Run(budgetUsed, Control, TestContext.Current.CancellationToken);

    public IReadOnlyDictionary<string, byte[]> Weights() => _engine.Weights().ToDictionary(pair => pair.Key, pair => pair.Value.bytes.ToArray());

    public void Report(TrainingEvent value)
    {
        Events.Add(value);
        OnEvent(value);
    }

    public void Dispose() => _engine.Dispose();

    private sealed class TickingEngine(IPretrainingEngine inner, TrainingRig rig) : EngineWrapper(inner)
    {
        public override Tensor Accumulate(MaskedMicrobatch microbatch, double scale)
        {
            rig.Time.Advance(TimeSpan.FromSeconds(1));
            return base.Accumulate(microbatch, scale);
        }

        public override Tensor Step(double learningRateFactor)
        {
            rig.Factors.Add(learningRateFactor);
            var norm = base.Step(learningRateFactor);
            rig.OnStep(rig.Factors.Count);
            return norm;
        }

        public override Tensor Evaluate(MaskedMicrobatch microbatch)
        {
            rig.Time.Advance(TimeSpan.FromSeconds(1000)); // must not be charged
            return base.Evaluate(microbatch);
        }
    }
}

/// <summary>An engine that passes everything on.</summary>
internal abstract class EngineWrapper(IPretrainingEngine inner) : IPretrainingEngine
{
    public string Name => inner.Name;

    public Device Device => inner.Device;

    public virtual Tensor Accumulate(MaskedMicrobatch microbatch, double scale) => inner.Accumulate(microbatch, scale);

    public virtual Tensor Step(double learningRateFactor) => inner.Step(learningRateFactor);

    public virtual Tensor Evaluate(MaskedMicrobatch microbatch) => inner.Evaluate(microbatch);

    public IReadOnlyDictionary<string, Tensor> Weights() => inner.Weights();

    public IReadOnlyDictionary<string, Tensor> OptimizerState() => inner.OptimizerState();

    public void Load(IReadOnlyDictionary<string, Tensor> weights, IReadOnlyDictionary<string, Tensor> optimizerState) => inner.Load(weights, optimizerState);

    public void Dispose() => inner.Dispose();
}

/// <summary>Rows that can be learned: four words of the vocabulary, in turn.</summary>
internal sealed class PatternRows(long count, int sequenceLength) : ITokenRows
{
    public long Count => count;

    public int SequenceLength => sequenceLength;

    public void CopyRow(long row, Span<int> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = 5 + (int)((row + i) % 4);
        }
    }
}

/// <summary>Rows in order, masked at places drawn from the position alone.</summary>
internal sealed class PatternSource(ITokenRows rows) : IMicrobatchSource
{
    public long Position { get; set; }

    public void Fill(MaskedMicrobatch microbatch, double maskFraction)
    {
        var random = new Random((int)Position);
        int s = microbatch.SequenceLength;
        for (int i = 0; i < microbatch.Rows; i++)
        {
            rows.CopyRow((Position * microbatch.Rows + i) % rows.Count, microbatch.Ids.AsSpan(i * s, s));
        }

        int[] places = [.. Enumerable.Range(0, microbatch.Ids.Length)];
        random.Shuffle(places);
        microbatch.MaskedCount = MaskCount.PerMicrobatch(microbatch.Rows, s, maskFraction);
        for (int i = 0; i < microbatch.MaskedCount; i++)
        {
            (microbatch.Positions[i], microbatch.Labels[i]) = (places[i], microbatch.Ids[places[i]]);
            microbatch.Ids[places[i]] = 4;
        }

        Position++;
    }
}
