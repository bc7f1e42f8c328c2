using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>An encoder with a trained classification head: scores dev sets, fills submissions, answers single questions.</summary>
/// <remarks>B examples in a batch, S tokens of the longest of them, C outputs of the head. Not thread-safe; holds device memory until disposed.</remarks>
public sealed class FineTunedModel : IDisposable
{
    private const int EvaluationBatchSize = 128; // the reference's

    private readonly CrammedBert _bert;
    private readonly ClassificationHead _head;
    private readonly ITextEncoder _encoder;
    private readonly InputFormat _format;
    private readonly bool _paddingCounts;
    private readonly int _paddingMultiple;

    internal FineTunedModel(
        GlueTask task, ArchitectureRecipe architecture, CrammedBert bert, ClassificationHead head, ITextEncoder encoder, InputFormat format, FineTuningRecipe recipe,
        Device device)
    {
        (_bert, _head, _encoder, _format) = (bert, head, encoder, format);
        (Architecture, Recipe) = (architecture, recipe);
        _paddingCounts = recipe.Pooling == PoolingKind.RawMean;
        // Matrix units like multiples of 8; a CPU has none, and there a fifth of a batch of short sentences would be padding. The raw mean
        // takes padding into account, so it must be alike everywhere.
        _paddingMultiple = device.type == DeviceType.CPU && !_paddingCounts ? 1 : 8;
        Task = task;
        Device = device;
    }

    /// <summary>The task that it was trained for.</summary>
    public GlueTask Task { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>The encoder's shape.</summary>
    public ArchitectureRecipe Architecture { get; }

    /// <summary>The settings that it was fine-tuned with.</summary>
    public FineTuningRecipe Recipe { get; }

    /// <summary>Its vocabulary.</summary>
    internal ITextEncoder TextEncoder => _encoder;

    /// <summary>How its inputs are made.</summary>
    internal InputFormat Format => _format;

    /// <summary>The number of the most likely class of each example, an index into <see cref="GlueTask.Labels"/>.</summary>
    /// <exception cref="InvalidOperationException">The task is a regression.</exception>
    public int[] PredictClasses(IReadOnlyList<GlueExample> examples, CancellationToken cancellation = default)
    {
        if (Task.IsRegression)
        {
            throw new InvalidOperationException($"'{Task.Id}' has scores, not classes; ask for PredictScores.");
        }

        float[] logits = Outputs(examples, cancellation);
        int[] classes = new int[examples.Count];
        for (int i = 0; i < classes.Length; i++)
        {
            var row = logits.AsSpan(i * Task.Outputs, Task.Outputs);
            for (int c = 1; c < row.Length; c++)
            {
                classes[i] = row[c] > row[classes[i]] ? c : classes[i];
            }
        }

        return classes;
    }

    /// <summary>The score of each example, not clipped to the scale.</summary>
    /// <exception cref="InvalidOperationException">The task has classes.</exception>
    public double[] PredictScores(IReadOnlyList<GlueExample> examples, CancellationToken cancellation = default) => Task.IsRegression
        ? [.. Outputs(examples, cancellation).Select(score => (double)score)]
        : throw new InvalidOperationException($"'{Task.Id}' has classes, not scores; ask for PredictClasses.");

    /// <summary>Raw outputs of the head, C for each example in turn: the logit of each class, or one score.</summary>
    /// <exception cref="GlueException">An output is not a number: the weights are not sound.</exception>
    public float[] Outputs(IReadOnlyList<GlueExample> examples, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var encoded = Encode(examples, cancellation);
        int[] rows = _paddingCounts ? [.. Enumerable.Range(0, encoded.Count)] : encoded.ByLength();
        float[] outputs = new float[encoded.Count * Task.Outputs];
        _bert.eval();
        _head.eval();
        using var gradients = no_grad();
        for (int start = 0; start < rows.Length; start += EvaluationBatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var batch = rows.AsSpan(start, Math.Min(EvaluationBatchSize, rows.Length - start));
            float[] batchOutputs = Forward(encoded, batch).cpu().data<float>().ToArray(); // a sync, once in 128 examples
            for (int i = 0; i < batch.Length; i++)
            {
                batchOutputs.AsSpan(i * Task.Outputs, Task.Outputs).CopyTo(outputs.AsSpan(batch[i] * Task.Outputs));
            }
        }

        int broken = Array.FindIndex(outputs, value => !float.IsFinite(value));
        return broken < 0
            ? outputs
            : throw new GlueException(
                $"'{Task.Id}': the model's output for example {broken / Task.Outputs} is {outputs[broken]}. "
                + "Lower fine_tuning.learning_rate, or check the pretrained weights.");
    }

    /// <summary>The weights by name, <c>bert.*</c> and <c>head.*</c>; views that live as long as the model.</summary>
    public IReadOnlyDictionary<string, Tensor> Weights() => _bert.named_parameters().Select(named => ("bert." + named.name, named.parameter))
        .Concat(_head.named_parameters().Select(named => ("head." + named.name, named.parameter)))
        .ToDictionary(named => named.Item1, named => (Tensor)named.parameter);

    /// <inheritdoc/>
    public void Dispose()
    {
        _head.Dispose();
        _bert.Dispose();
    }

    /// <summary>Goes back to training mode, in which dropout is on.</summary>
    internal void Train()
    {
        _bert.train();
        _head.train();
    }

    /// <summary>Encodes examples as this model takes them.</summary>
    internal EncodedExamples Encode(IReadOnlyList<GlueExample> examples, CancellationToken cancellation) =>
        new(examples, _encoder, _format, cancellation);

    /// <returns><c>[B, C] float32</c>, on the device, in the caller's dispose scope.</returns>
    internal Tensor Forward(EncodedExamples examples, ReadOnlySpan<int> rows)
    {
        var batch = examples.Batch(rows, _paddingMultiple, Device);
        return _head.forward(_bert.Encode(batch.Ids, batch.Mask, batch.Segments), batch.Mask);
    }
}
