using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

public sealed class EagerEngineTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly EagerEngine _engine = new(TestRecipes.Tiny(), 64, CPU);

    public void Dispose()
    {
        _engine.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Load_TensorMissing_NamesIt()
    {
        var weights = new Dictionary<string, Tensor>(_engine.Weights());
        weights.Remove("layers.1.qkv.weight");
        Assert.Contains("layers.1.qkv.weight", Assert.Throws<ArgumentException>(() => _engine.Load(weights, _engine.OptimizerState())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TensorUnknown_NamesIt()
    {
        var weights = new Dictionary<string, Tensor>(_engine.Weights()) { ["layers.9.qkv.weight"] = zeros(1) };
        Assert.Contains("layers.9.qkv.weight", Assert.Throws<ArgumentException>(() => _engine.Load(weights, _engine.OptimizerState())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OtherShape_NamesBothAndChangesNothing()
    {
        byte[] before = _engine.Weights()["word.weight"].bytes.ToArray();
        var weights = _engine.Weights().ToDictionary(pair => pair.Key, pair => pair.Value + 1);
        weights["layers.1.qkv.weight"] = zeros(3, 3);
        string message = Assert.Throws<ArgumentException>(() => _engine.Load(weights, _engine.OptimizerState())).Message;
        Assert.Contains("layers.1.qkv.weight has shape [3, 3], expected [96, 32]", message, StringComparison.Ordinal);
        Assert.Equal(before, _engine.Weights()["word.weight"].bytes.ToArray());
    }

    [Fact]
    public void Create_Float8OnTheCpu_SaysWhatToUse()
    {
        var recipe = TestRecipes.Tiny();
        recipe = recipe with { Training = recipe.Training with { Precision = PrecisionKind.Float8 } };
        Assert.Contains("Use auto", Assert.Throws<NotSupportedException>(() => PretrainingEngines.Create(recipe, 64, CPU)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Accumulate_ZLoss_AddsItsGradientButNotItsValue()
    {
        var recipe = TestRecipes.Tiny();
        using var penalized = new EagerEngine(recipe with { Training = recipe.Training with { ZLoss = 0.1 } }, 64, CPU);
        var microbatch = Goldens.Microbatch(Goldens.Read("peer/batch.safetensors"));
        Assert.Equal(_engine.Accumulate(microbatch, 1).item<float>(), penalized.Accumulate(microbatch, 1).item<float>());
        Assert.NotEqual(_engine.Step(1).item<float>(), penalized.Step(1).item<float>());
    }

    [Fact]
    public void Evaluate_Done_LeavesWeightsAndGradientsAlone()
    {
        byte[] before = _engine.Weights()["word.weight"].bytes.ToArray();
        _engine.Evaluate(Goldens.Microbatch(Goldens.Read("peer/batch.safetensors")));
        Assert.Equal(before, _engine.Weights()["word.weight"].bytes.ToArray());
        Assert.Equal(0f, _engine.Gradients["word.weight"].abs().max().item<float>());
    }
}
