using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>The plain engine: encoder and head under autograd, any architecture on any device.</summary>
internal sealed class PlainFineTuningEngine : IFineTuningEngine
{
    private readonly FineTuningRecipe _recipe;
    private readonly GlueTask _task;
    private readonly CrammedBert _bert;
    private readonly ClassificationHead _head;
    private readonly int _paddingMultiple;
    private FineTuningOptimizer? _optimizer;
    private bool? _training;

    /// <param name="recipe">Pooling and optimizer.</param>
    /// <param name="task">Kind of loss.</param>
    /// <param name="bert">The encoder, on the device; the engine owns it.</param>
    /// <param name="head">The head, on the device; the engine owns it.</param>
    /// <param name="device">Where they are.</param>
    public PlainFineTuningEngine(FineTuningRecipe recipe, GlueTask task, CrammedBert bert, ClassificationHead head, Device device)
    {
        (_recipe, _task, _bert, _head, Device) = (recipe, task, bert, head, device);
        // Matrix units like multiples of 8; a CPU has none, and there a fifth of a batch of short sentences would be padding. The raw mean
        // takes padding into account, so it must be alike everywhere.
        _paddingMultiple = device.type == DeviceType.CPU && recipe.Pooling != PoolingKind.RawMean ? 1 : 8;
    }

    /// <inheritdoc/>
    public string Name => "eager";

    /// <inheritdoc/>
    public Device Device { get; }

    /// <inheritdoc/>
    public int MaximumRows => 128; // the reference's

    /// <inheritdoc/>
    public Tensor Step(EncodedExamples examples, ReadOnlySpan<int> rows, double learningRate)
    {
        using var scope = NewDisposeScope();
        _optimizer ??= new FineTuningOptimizer(_recipe, _bert, _head);
        Mode(training: true);
        var outputs = Forward(examples, rows); // [B, C]
        var loss = _task.IsRegression
            ? nn.functional.mse_loss(outputs.squeeze(-1), examples.Scores(rows, Device))
            : nn.functional.cross_entropy(outputs, examples.Classes(rows, Device));
        loss.Times(_optimizer.LossFactor).backward();
        _optimizer.Step(learningRate);
        return loss.detach().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Outputs(EncodedExamples examples, ReadOnlySpan<int> rows)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Mode(training: false);
        return Forward(examples, rows).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Weights() => Weights(_bert, _head);

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer?.Dispose();
        _head.Dispose();
        _bert.Dispose();
    }

    /// <summary>Parameters of both parts under the engine's names.</summary>
    internal static Dictionary<string, Tensor> Weights(CrammedBert bert, ClassificationHead head) =>
        bert.named_parameters().Select(named => ("bert." + named.name, named.parameter))
            .Concat(head.named_parameters().Select(named => ("head." + named.name, named.parameter)))
            .ToDictionary(named => named.Item1, named => (Tensor)named.parameter);

    private void Mode(bool training)
    {
        if (_training == training)
        {
            return; // setting it walks over every module
        }

        _bert.train(training);
        _head.train(training);
        _training = training;
    }

    private Tensor Forward(EncodedExamples examples, ReadOnlySpan<int> rows)
    {
        var batch = examples.Batch(rows, _paddingMultiple, Device);
        return _head.forward(_bert.Encode(batch.Ids, batch.Mask, batch.Segments), batch.Mask);
    }
}
