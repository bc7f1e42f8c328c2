using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

public sealed partial class FusedEngine
{
    /// <summary>Rows of logits that exist at a time: large enough for full-speed products, small enough that the whole vocabulary's logits never weigh.</summary>
    private const int HeadChunk = 8192;

    /// <summary>Creates the engine with fresh weights from the recipe's seed, or says in one sentence what this recipe or GPU lacks for it.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="vocabularySize">Entries of the vocabulary (V).</param>
    /// <param name="device">A CUDA device.</param>
    /// <param name="cacheFolder">Where compiled kernels and chosen algorithms are kept; null keeps none, and every start compiles.</param>
    /// <param name="engine">The engine; the caller disposes it.</param>
    /// <param name="whyNot">The reason, when the answer is false.</param>
    public static bool TryCreate(Recipe recipe, int vocabularySize, Device device, string? cacheFolder, out FusedEngine? engine, out string? whyNot)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(device);
        engine = null;
        TrainingRecipe training = recipe.Training;
        EncoderShape? shape = EncoderShape.From(recipe.Architecture, vocabularySize, recipe.Corpus.SequenceLength, out whyNot);
        whyNot ??= shape!.WhyNotOnGpu();
        whyNot ??= training.Optimizer.Kind is OptimizerKind.AdamW || training.Optimizer.UsesMuon ? null : $"it has no training.optimizer.kind {training.Optimizer.Kind}";
        whyNot ??= training.Precision is not PrecisionKind.Float32 ? null : $"it has no training.precision {training.Precision}";
        CudaDevice? cuda = whyNot is null ? CudaDevice.TryOpen(device, out whyNot) : null;
        bool float8 = training.Precision == PrecisionKind.Float8;
        if (float8 && shape is { Half: var half } && half % 16 != 0)
        {
            (cuda, whyNot) = (null, $"the feed-forward width is {shape.FeedForward}, and its FP8 products take multiples of 32");
        }

        if (cuda is { Architecture: < 89 } old && float8)
        {
            (cuda, whyNot) = (null, $"{old.Name} has no FP8 units (compute capability 8.9 or newer), which training.precision float8 asks for");
        }

        if (cuda is { HasBfloat16: false } turing && training.Precision == PrecisionKind.Bfloat16)
        {
            (cuda, whyNot) = (null, $"{turing.Name} has no bfloat16 tensor cores (compute capability 8.0 or newer); training.precision auto takes float16 there");
        }

        if (cuda is null)
        {
            whyNot = $"The fast engine is not used: {whyNot}.";
            return false;
        }

        bool half16 = training.Precision == PrecisionKind.Float16 || !cuda.HasBfloat16;
        int tokens = training.MicrobatchSize * shape!.Sequence;
        // Held-out measurements mask 15 %, whatever the recipe does.
        double most = Math.Max(0.15, Math.Max(training.MaskFraction, training.MaskFractionEnd ?? 0));
        int masked = (int)Math.Min(tokens, ((long)Math.Ceiling(most * tokens) + 255) / 256 * 256);
        var stages = new CudaStages(shape, device, cuda, tokens, cacheFolder, float8: float8, half: half16);
        try
        {
            engine = new FusedEngine(stages, training, training.MicrobatchSize, masked, HeadChunk, maskedMultiple: 256);
            using var scope = NewDisposeScope();
            using var fresh = new CrammedBert(recipe.Architecture, vocabularySize, shape.Sequence, recipe.Seed);
            engine.LoadWeights(fresh.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter));
            return true;
        }
        catch
        {
            // Buffers that do not fit: what there is of them must not stand in the way of a smaller microbatch.
            if (engine is null)
            {
                stages.Dispose();
            }

            engine?.Dispose();
            engine = null;
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Weights() => _parameters.Weights;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> OptimizerState()
    {
        _stepTensor.FillInPlace(_steps);
        return _parameters.State.Where(pair => _muon is null || !Muon.Takes(pair.Key[(pair.Key.IndexOf('/', StringComparison.Ordinal) + 1)..]))
            .Concat(_muon?.State ?? new Dictionary<string, Tensor>()).Append(new("step", _stepTensor))
            .Concat(_lossScale is null ? [] : [new(LossScale.StateName, _lossScale.State)]).Concat(_float8?.Kept() ?? []).ToDictionary();
    }

    /// <inheritdoc/>
    public void Load(IReadOnlyDictionary<string, Tensor> weights, IReadOnlyDictionary<string, Tensor> optimizerState)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(optimizerState);
        LoadWeights(weights);
        Dictionary<string, Tensor> state = new(OptimizerState());
        // Checkpoints of before the scales were kept have none: they are gathered anew.
        bool scales = optimizerState.ContainsKey(Float8State.ScalesName);
        if (!scales)
        {
            state.Remove(Float8State.ScalesName);
            state.Remove(Float8State.CountName);
        }

        TensorSet.Copy("optimizer state", optimizerState, state);
        if (scales)
        {
            _float8?.Restore();
        }

        _steps = _stepTensor.item<long>();
        _gradientsHold = false;
    }

    internal void LoadWeights(IReadOnlyDictionary<string, Tensor> weights)
    {
        _stages.Enter();
        TensorSet.Copy("weights", weights, _parameters.Weights);
        _stages.RefreshWorking(_parameters);
        _float8?.Forget();
        QuantizeWeights();
    }
}
