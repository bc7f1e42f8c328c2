using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The fast engine for fine-tuning (paper section 4.5): the encoder's own passes with padding and dropout, a head on [CLS], AdamW over one flat buffer.</summary>
/// <remarks>
/// B examples, S tokens of the longest, D hidden size, W width of the head, C outputs. Everything that changes from step to step lies in device memory, so a
/// step is recorded once for each (B, S) and replayed. Differs from the plain engine: the residual stream is in the working type, batches are padded to
/// multiples of the attention kernel's tile, and dropout comes from a counter-based stream of the seed.
/// </remarks>
internal sealed class FusedFineTuningEngine : IFineTuningEngine
{
    /// <summary>Outputs that the head's kernels keep in registers.</summary>
    private const int MostClasses = 16;

    private readonly EncoderShape _shape;
    private readonly Stages _stages;
    private readonly FlatParameters _parameters;
    private readonly Activations _a;
    private readonly FusedEncoder _encoder;
    private readonly DeviceExamples _batch;
    private readonly EmbeddingOrder _order;
    private readonly FineTuningRecipe _recipe;
    private readonly ClassifierWeights _head;
    private readonly ClassifierBuffers _buffers;
    private readonly DropoutStream? _dropout;
    private readonly Dictionary<string, Tensor> _weights, _idle = [];
    private readonly Tensor _loss, _wordGradient;
    private readonly int _padding;
    private readonly ulong _key;
    private long _steps;

    /// <param name="stages">Arithmetic, made for a head of the recipe's width.</param>
    /// <param name="recipe">Optimizer, dropout and batch size.</param>
    /// <param name="task">Outputs and kind of loss.</param>
    /// <param name="seed">Key of the dropout stream.</param>
    /// <param name="rows">Most examples of a forward pass; at least the batch size.</param>
    /// <param name="padding">Rows are padded to a multiple of this.</param>
    public FusedFineTuningEngine(Stages stages, FineTuningRecipe recipe, GlueTask task, int seed, int rows, int padding)
    {
        (_stages, _shape, _recipe, _padding, _key, MaximumRows) = (stages, stages.Shape, recipe, padding, (ulong)seed, rows);
        int training = Math.Min(rows, recipe.BatchSize);
        _parameters = new FlatParameters(stages, new ParameterLayout(_shape, recipe.HeadSize, task.Outputs));
        _a = new Activations(stages, rows * _shape.Sequence, rows, headChunk: 0);
        _batch = new DeviceExamples(stages, rows, training);
        _order = new EmbeddingOrder(_shape.Vocabulary, training * _shape.Sequence);
        _encoder = new FusedEncoder(stages, _parameters, _a);
        _dropout = DropoutStream.Of(_batch.DropoutState, recipe.Dropout);
        Tensor Full(params long[] size) => stages.Allocate(stages.Master, size);
        _buffers = new(
            Full(rows, recipe.HeadSize), Full(rows, recipe.HeadSize), Full(rows, task.Outputs), Full(rows, task.Outputs), Full(rows),
            stages.Allocate(stages.Working, rows, recipe.HeadSize), task.IsRegression);
        _head = new(
            Weight("dense.bias"), Weight("classifier.weight"), Weight("classifier.bias"), Gradient("dense.bias"), Gradient("classifier.weight"), Gradient("classifier.bias"));
        _loss = Full();
        _wordGradient = _parameters.Gradients("word.weight");
        _weights = _parameters.Weights.ToDictionary(pair => IsHead(pair.Key) ? pair.Key : "bert." + pair.Key, pair => pair.Value);
    }

    /// <inheritdoc/>
    public string Name => "fused";

    /// <inheritdoc/>
    public Device Device => _stages.Device;

    /// <inheritdoc/>
    public int MaximumRows { get; }

    /// <summary>Creates the engine on a GPU, without weights yet, or says in one sentence what is missing.</summary>
    public static FusedFineTuningEngine? TryCreate(
        FineTuningRecipe recipe, ArchitectureRecipe architecture, GlueTask task, int vocabulary, int maximumLength, int seed, Device device, string? cacheFolder, out string? whyNot)
    {
        const int Tile = 32; // the attention kernels'
        int sequence = (maximumLength + Tile - 1) / Tile * Tile;
        EncoderShape? shape = EncoderShape.From(architecture with { Dropout = 0, HeadTransform = false, DecoderBias = false, TieEmbeddings = true }, vocabulary, sequence, out whyNot);
        whyNot ??= shape!.WhyNotOnGpu();
        whyNot ??= recipe.Pooling == PoolingKind.FirstToken ? null : $"it has no fine_tuning.pooling {recipe.Pooling}";
        whyNot ??= recipe.HeadSize > 0 && recipe.HeadSize % 8 == 0 ? null : $"its heads have a multiple of 8 channels, and fine_tuning.head_size is {recipe.HeadSize}";
        whyNot ??= task.Outputs <= MostClasses ? null : $"its heads have at most {MostClasses} outputs, and {task.Id} has {task.Outputs}";
        CudaDevice? cuda = whyNot is null ? CudaDevice.TryOpen(device, out whyNot) : null;
        if (cuda is { HasBfloat16: false } turing)
        {
            (cuda, whyNot) = (null, $"{turing.Name} has no bfloat16 tensor cores (compute capability 8.0 or newer)");
        }

        if (cuda is null)
        {
            whyNot = $"The fast engine is not used for fine-tuning: {whyNot}.";
            return null;
        }

        int rows = Math.Max(recipe.BatchSize, 64); // of an evaluation batch; more gains little and costs memory
        var stages = new CudaStages(shape!, device, cuda, rows * sequence, cacheFolder, recipe.HeadSize, task.Outputs);
        try
        {
            return new FusedFineTuningEngine(stages, recipe, task, seed, rows, Tile);
        }
        catch
        {
            stages.Dispose();
            throw;
        }
    }

    /// <summary>Takes weights over, by the names of <see cref="Weights"/>.</summary>
    /// <exception cref="ArgumentException">A tensor is missing, unknown or has another shape.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        _stages.Enter();
        TensorSet.Copy("fine-tuning weights", weights.Where(weight => !IsIdle(weight.Key)).ToDictionary(), _weights);
        KeepIdle(weights);
        _stages.RefreshWorking(_parameters);
    }

    /// <inheritdoc/>
    public Tensor Step(EncodedExamples examples, ReadOnlySpan<int> rows, double learningRate)
    {
        using var scope = NewDisposeScope();
        _stages.Enter();
        _stages.Sequence = DeviceExamples.Padded(examples, rows, _padding);
        _steps++;
        var settings = new AdamWSettings(learningRate, _recipe.Beta1, _recipe.Beta2, _recipe.Epsilon, _recipe.WeightDecay, ClipNorm: 0, _steps);
        ReadOnlySpan<int> step =
        [
            unchecked((int)_key), unchecked((int)(_key >> 32)), unchecked((int)_steps), 0,
            Bits(learningRate), Bits(1 - Math.Pow(_recipe.Beta1, _steps)), Bits(1 - Math.Pow(_recipe.Beta2, _steps)),
        ];
        _batch.Send(_stages, examples, rows, _order, _buffers.Regression, step);
        int count = rows.Length;
        _stages.Replay((count, _stages.Sequence), () => Pass(count, settings));
        return _loss.clone().MoveToOuterDisposeScope();

        static int Bits(double value) => BitConverter.SingleToInt32Bits((float)value);
    }

    /// <inheritdoc/>
    public Tensor Outputs(EncodedExamples examples, ReadOnlySpan<int> rows)
    {
        using var scope = NewDisposeScope();
        _stages.Enter();
        _stages.Sequence = DeviceExamples.Padded(examples, rows, _padding);
        _batch.Send(_stages, examples, rows, order: null, _buffers.Regression, []);
        int count = rows.Length;
        _stages.Replay((-count, _stages.Sequence), () => Forward(count, labels: null, dropout: null)); // negative: a forward pass alone
        return _buffers.Outputs.narrow(0, 0, rows.Length).clone().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Weights() => _idle.Count == 0 ? _weights : _weights.Concat(_idle).ToDictionary();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor weight in _idle.Values)
        {
            weight.Dispose();
        }

        _stages.Dispose();
    }

    /// <summary>The last step's gradients by the names of <see cref="Weights"/>, for tests.</summary>
    internal Tensor GradientOf(string name) => _parameters.Gradients(IsHead(name) ? name : name["bert.".Length..]);

    /// <summary>Dropout state of the last step, for tests that draw the same bits.</summary>
    internal DropoutStream? DropoutOfLastStep => _dropout;

    /// <summary>Whether a weight belongs to the head of pretraining, which fine-tuning neither reads nor changes but keeps with the model.</summary>
    private static bool IsIdle(string name) => name.StartsWith("bert.head.", StringComparison.Ordinal) || name.StartsWith("bert.decoder.", StringComparison.Ordinal);

    private void KeepIdle(IReadOnlyDictionary<string, Tensor> weights)
    {
        foreach (var (name, weight) in weights.Where(weight => IsIdle(weight.Key)))
        {
            if (_idle.Remove(name, out Tensor? before))
            {
                before.Dispose();
            }

            _idle.Add(name, weight.detach().clone().DetachFromDisposeScope());
        }
    }

    private static bool IsHead(string name) => name.StartsWith(ParameterLayout.HeadPrefix, StringComparison.Ordinal);

    private Tensor Weight(string name) => _parameters.Weights[ParameterLayout.HeadPrefix + name];

    private Tensor Gradient(string name) => _parameters.Gradients(ParameterLayout.HeadPrefix + name);

    private void Pass(int count, AdamWSettings settings)
    {
        int rows = count * _stages.Sequence, d = _shape.Hidden, w = _recipe.HeadSize;
        Forward(count, _batch.Labels, _dropout);
        _stages.Sum(_buffers.Losses, _loss, count, 1f / count);
        _stages.ClassifyBackward(_head, _buffers, HeadSite(_dropout), count);
        _stages.LinearInputGradient(_buffers.PreGradient, Dense, _a.GatheredGradient, count, w, d);
        _stages.LinearWeightGradient(_buffers.PreGradient, _a.GatheredNorm, Gradient("dense.weight"), false, count, w, d);
        _encoder.NormBackward(_a.GatheredGradient, _a.Gathered, _shape.FinalNorm, _a.FinalStatistics, null, _a.GatheredGradient, count);
        _stages.Scatter(_a.GatheredGradient, _batch.Positions, _a.StreamGradient, count, rows);
        _stages.Zero(_wordGradient);
        _encoder.Backward(_batch.Index, _batch.Lengths, rows, add: false, _dropout);
        _stages.AdamW(_parameters, settings, norm: null, _batch.Live);
    }

    private void Forward(int count, Tensor? labels, DropoutStream? dropout)
    {
        _encoder.Forward(_batch.Index.Ids, _batch.Lengths, count * _stages.Sequence, dropout);
        _stages.Gather(_a.Stream[^1], _batch.Positions, _a.Gathered, count);                                       // [B, D]
        _encoder.Norm(_a.Gathered, _shape.FinalNorm, _a.GatheredNorm, _a.FinalStatistics, count);
        _stages.Linear(_a.GatheredNorm, Dense, _buffers.Pre, null, count, _recipe.HeadSize, _shape.Hidden);        // [B, W]
        _stages.Classify(_head, _buffers, labels, HeadSite(dropout), count);                                       // [B, C]
    }

    private Tensor Dense => _parameters.Product(ParameterLayout.HeadPrefix + "dense.weight");

    private DropoutSite? HeadSite(DropoutStream? dropout) => dropout?.At(FusedEncoder.DropoutSites(_shape));
}
