using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>An encoder with a trained classification head: scores dev sets, fills submissions, answers single questions.</summary>
/// <remarks>B examples in a batch, S tokens of the longest of them, C outputs of the head. Not thread-safe; holds device memory until disposed.</remarks>
public sealed class FineTunedModel : IDisposable
{
    private readonly IFineTuningEngine _engine;
    private readonly ITextEncoder _encoder;
    private readonly InputFormat _format;
    private readonly bool _paddingCounts;

    internal FineTunedModel(
        GlueTask task, IFineTuningEngine engine, ArchitectureRecipe architecture, ITextEncoder encoder, InputFormat format, FineTuningRecipe recipe)
    {
        (_engine, _encoder, _format) = (engine, encoder, format);
        (Architecture, Recipe) = (architecture, recipe);
        _paddingCounts = recipe.Pooling == PoolingKind.RawMean;
        Task = task;
    }

    /// <summary>The task that it was trained for.</summary>
    public GlueTask Task { get; }

    /// <summary>Where it computes.</summary>
    public Device Device => _engine.Device;

    /// <summary>What computes: <c>eager</c>, or <c>fused</c> for the fast engine.</summary>
    public string Engine => _engine.Name;

    /// <summary>The encoder's shape.</summary>
    public ArchitectureRecipe Architecture { get; }

    /// <summary>The settings that it was fine-tuned with.</summary>
    public FineTuningRecipe Recipe { get; }

    /// <summary>Tokens of an input at most, special tokens included; what is longer is cut.</summary>
    public int MaximumLength => _format.MaximumLength;

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

    /// <summary>How many tokens of each example are cut from the end of its longer sentence; 0 where all of it is read.</summary>
    public IReadOnlyList<int> CutTokens(IReadOnlyList<GlueExample> examples, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var encoded = Encode(examples, cancellation);
        return [.. Enumerable.Range(0, encoded.Count).Select(encoded.Cut)];
    }

    /// <summary>Raw outputs of the head, C for each example in turn: the logit of each class, or one score.</summary>
    /// <exception cref="GlueException">An output is not a number: the weights are not sound.</exception>
    public float[] Outputs(IReadOnlyList<GlueExample> examples, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var encoded = Encode(examples, cancellation);
        int[] rows = _paddingCounts ? [.. Enumerable.Range(0, encoded.Count)] : encoded.ByLength();
        float[] outputs = new float[encoded.Count * Task.Outputs];
        for (int start = 0; start < rows.Length; start += _engine.MaximumRows)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var batch = rows.AsSpan(start, Math.Min(_engine.MaximumRows, rows.Length - start));
            float[] batchOutputs = _engine.Outputs(encoded, batch).cpu().data<float>().ToArray(); // a sync, once a batch
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
    public IReadOnlyDictionary<string, Tensor> Weights() => _engine.Weights();

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();

    /// <summary>One optimizer step on some of the examples.</summary>
    /// <returns>The mean loss before it, a scalar on the device, in the caller's dispose scope.</returns>
    internal Tensor Step(EncodedExamples examples, ReadOnlySpan<int> rows, double learningRate) => _engine.Step(examples, rows, learningRate);

    /// <summary>Encodes examples as this model takes them.</summary>
    internal EncodedExamples Encode(IReadOnlyList<GlueExample> examples, CancellationToken cancellation) =>
        new(examples, _encoder, _format, cancellation);
}
