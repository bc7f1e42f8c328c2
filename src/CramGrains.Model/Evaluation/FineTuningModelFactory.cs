using CramGrains.Model.Cuda;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using CramGrains.Model.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>Puts pretrained weights under a fresh classification head.</summary>
internal static class FineTuningModelFactory
{
    private const string WordEmbedding = "word.weight";
    private const string LearnedPositions = "positions.weight";
    private const int ShortestUseful = 6; // [CLS] a [SEP] [SEP] b [SEP]
    private const ulong HeadStream = 0x68656164; // keeps the head's start from repeating the untrained encoder's, which has the same seed

    /// <exception cref="ArgumentException">The weights do not fit the architecture or the vocabulary; the message names the tensor.</exception>
    public static FineTunedModel Make(
        FineTuningRecipe recipe, ArchitectureRecipe architecture, IReadOnlyDictionary<string, Tensor>? weights, ITextEncoder encoder,
        GlueTask task, int seed, Device device, int pairSeparators = 1, string? cacheFolder = null, Action<string>? note = null,
        IReadOnlyDictionary<string, Tensor>? headWeights = null)
    {
        var engine = MakeEngine(recipe, architecture, encoder, task, seed, device, cacheFolder, note, weights: weights, headWeights: headWeights);
        var format = new InputFormat(MaximumLength(recipe, weights), recipe.Faithful, pairSeparators, Segments: architecture.SegmentTypes > 1);
        return new(task, engine, architecture, encoder, format, recipe);
    }

    /// <summary>As <see cref="Make"/>, the engine alone; <paramref name="plain"/> takes the plain one whatever the device has.</summary>
    public static IFineTuningEngine MakeEngine(
        FineTuningRecipe recipe, ArchitectureRecipe architecture, ITextEncoder encoder, GlueTask task, int seed, Device device,
        string? cacheFolder, Action<string>? note, bool plain = false, IReadOnlyDictionary<string, Tensor>? weights = null,
        IReadOnlyDictionary<string, Tensor>? headWeights = null)
    {
        int positions = Rows(weights, LearnedPositions) ?? recipe.MaximumLength;
        int maximumLength = MaximumLength(recipe, weights);
        if (maximumLength < ShortestUseful)
        {
            throw new ArgumentException(
                $"fine_tuning.maximum_length must be at least {ShortestUseful}, got {maximumLength}. The paper uses 128.", nameof(recipe));
        }

        // Engines may pad the embedding to a round number of rows; what counts is that it has a row for every id.
        int rows = Rows(weights, WordEmbedding) ?? encoder.VocabularySize;
        if (rows < encoder.VocabularySize)
        {
            throw new ArgumentException(
                $"{WordEmbedding} has {rows} rows, but the vocabulary has {encoder.VocabularySize} entries. Is it the vocabulary of this model?",
                nameof(weights));
        }

        using var scope = NewDisposeScope();
        var bert = new CrammedBert(architecture, rows, positions, seed)
        {
            DropoutProbability = recipe.Dropout,
            ComputeType = Precision.ComputeType(PrecisionKind.Auto, device),
        };
        try
        {
            if (weights is not null)
            {
                TensorSet.Copy("pretrained weights", weights, bert.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter));
            }

            using var generator = new Generator((ulong)seed ^ HeadStream);
            var head = new ClassificationHead(recipe, architecture.HiddenSize, task.Outputs, architecture.InitializationStd, generator);
            if (headWeights is not null)
            {
                TensorSet.Copy("fine-tuned head", headWeights, head.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter));
            }

            return Engine(recipe, architecture, bert, head, task, maximumLength, seed, device, cacheFolder, note, plain);
        }
        catch
        {
            bert.Dispose();
            throw;
        }
    }

    /// <summary>The fastest engine that the device has for this model; the one place that chooses.</summary>
    private static IFineTuningEngine Engine(
        FineTuningRecipe recipe, ArchitectureRecipe architecture, CrammedBert bert, ClassificationHead head, GlueTask task, int maximumLength, int seed, Device device,
        string? cacheFolder, Action<string>? note, bool plain)
    {
        if (device.type == DeviceType.CUDA && !plain)
        {
            var fused = FusedFineTuningEngine.TryCreate(recipe, architecture, task, bert.VocabularySize, maximumLength, seed, device, cacheFolder, out string? whyNot);
            if (fused is not null)
            {
                fused.Load(PlainFineTuningEngine.Weights(bert, head));
                head.Dispose();
                bert.Dispose();
                return fused;
            }

            note?.Invoke(whyNot!);
        }

        bert.to(device);
        head.to(device);
        return new PlainFineTuningEngine(recipe, task, bert, head, device);
    }

    private static int MaximumLength(FineTuningRecipe recipe, IReadOnlyDictionary<string, Tensor>? weights) =>
        Math.Min(recipe.MaximumLength, Rows(weights, LearnedPositions) ?? recipe.MaximumLength);

    private static int? Rows(IReadOnlyDictionary<string, Tensor>? weights, string name) =>
        weights is not null && weights.TryGetValue(name, out var weight) ? (int)weight.shape[0] : null;
}
