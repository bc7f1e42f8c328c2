using CramGrains.Model.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

public sealed partial class FusedEngine
{
    /// <summary>Rows of logits that exist at a time: large enough for full-speed products, small enough that the whole vocabulary's logits never weigh.</summary>
    private const int HeadChunk = 8192;

    /// <summary>Creates the engine, or says in one sentence what this recipe or GPU lacks for it; the plain engine then takes its place.</summary>
    /// <param name="architecture">The encoder.</param>
    /// <param name="training">Objective, optimizer and batch.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="sequenceLength">Tokens per row (S).</param>
    /// <param name="weights">Initial weights by state-dict name; copied.</param>
    /// <param name="device">A CUDA device.</param>
    /// <param name="cacheFolder">Where compiled kernels and chosen algorithms are kept; null keeps none, and every start compiles.</param>
    /// <param name="engine">The engine; the caller disposes it.</param>
    /// <param name="whyNot">The reason, when the answer is false.</param>
    public static bool TryCreate(
        ArchitectureRecipe architecture, TrainingRecipe training, int vocabularySize, int sequenceLength, IReadOnlyDictionary<string, Tensor> weights, Device device,
        string? cacheFolder, out FusedEngine? engine, out string? whyNot)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(device);
        engine = null;
        EncoderShape? shape = EncoderShape.From(architecture, vocabularySize, sequenceLength, out whyNot);
        whyNot ??= shape!.WhyNotOnGpu();
        whyNot ??= training.Optimizer.Kind == OptimizerKind.AdamW ? null : $"it has no training.optimizer.kind {training.Optimizer.Kind}";
        whyNot ??= training.Precision is PrecisionKind.Auto or PrecisionKind.Bfloat16 ? null : $"it has no training.precision {training.Precision}";
        CudaDevice? cuda = whyNot is null ? CudaDevice.TryOpen(device, out whyNot) : null;
        if (cuda is null)
        {
            whyNot = $"The fast engine is not used: {whyNot}.";
            return false;
        }

        int tokens = training.MicrobatchSize * sequenceLength;
        // Held-out measurements mask 15 %, whatever the recipe does.
        double most = Math.Max(0.15, Math.Max(training.MaskFraction, training.MaskFractionEnd ?? 0));
        int masked = (int)Math.Min(tokens, ((long)Math.Ceiling(most * tokens) + 255) / 256 * 256);
        engine = new FusedEngine(new CudaStages(shape!, device, cuda, tokens, cacheFolder), training, training.MicrobatchSize, masked, HeadChunk, maskedMultiple: 256);
        engine.LoadWeights(weights);
        whyNot = null;
        return true;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Weights() => _parameters.Weights;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> OptimizerState()
    {
        _stepTensor.fill_(_steps);
        return new Dictionary<string, Tensor>(_parameters.State) { ["step"] = _stepTensor };
    }

    /// <inheritdoc/>
    public void Load(IReadOnlyDictionary<string, Tensor> weights, IReadOnlyDictionary<string, Tensor> optimizerState)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(optimizerState);
        Match("optimizer state", optimizerState, OptimizerState());
        LoadWeights(weights);
        foreach ((string name, Tensor state) in _parameters.State)
        {
            state.copy_(optimizerState[name]);
        }

        using var step = optimizerState["step"].cpu();
        _steps = step.item<long>();
        _gradientsHold = false;
    }

    internal void LoadWeights(IReadOnlyDictionary<string, Tensor> weights)
    {
        Match("weights", weights, _parameters.Weights);
        _stages.Enter();
        foreach ((string name, Tensor weight) in _parameters.Weights)
        {
            weight.copy_(weights[name].detach());
        }

        _stages.RefreshWorking(_parameters);
    }

    private static void Match(string what, IReadOnlyDictionary<string, Tensor> given, IReadOnlyDictionary<string, Tensor> wanted)
    {
        foreach ((string name, Tensor tensor) in wanted)
        {
            if (!given.TryGetValue(name, out Tensor? found))
            {
                throw new ArgumentException($"{what}: {name} is missing.", nameof(given));
            }

            if (!found.shape.SequenceEqual(tensor.shape))
            {
                throw new ArgumentException($"{what}: {name} must have shape [{string.Join(", ", tensor.shape)}], got [{string.Join(", ", found.shape)}].", nameof(given));
            }
        }

        if (given.Keys.FirstOrDefault(k => !wanted.ContainsKey(k)) is { } unknown)
        {
            throw new ArgumentException($"{what}: {unknown} is not a name of this model.", nameof(given));
        }
    }
}
