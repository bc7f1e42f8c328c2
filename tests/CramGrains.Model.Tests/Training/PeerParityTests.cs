using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

/// <summary>The eager engine against PyTorch (golden of the plain peer: two layers, float32, CPU).</summary>
[Trait("Category", "Parity")]
public sealed class PeerParityTests : IDisposable
{
    private const double Tolerance = 1e-5;

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly EagerEngine _engine = new(TestRecipes.Tiny(), 64, CPU);
    private readonly Dictionary<string, Tensor> _batch = Goldens.Read("peer/batch.safetensors");

    public PeerParityTests() => _engine.Load(Goldens.Read("peer/weights.safetensors"), _engine.OptimizerState());

    public void Dispose()
    {
        _engine.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Weights_OfThePeersShape_HaveThePeersNamesAndShapes()
    {
        var peer = Goldens.Read("peer/weights.safetensors");
        Assert.Equal(peer.Keys.Order(), _engine.Weights().Keys.Order());
        Assert.All(peer, pair => Assert.Equal(pair.Value.shape, _engine.Weights()[pair.Key].shape));
    }

    [Fact]
    public void Evaluate_PeersBatch_GivesThePeersLoss() =>
        Assert.True(Goldens.RelativeError(_batch["loss"][0], _engine.Evaluate(Goldens.Microbatch(_batch))) < Tolerance);

    [Fact]
    public void Accumulate_PeersBatch_GivesThePeersGradients()
    {
        _engine.Accumulate(Goldens.Microbatch(_batch), 1);
        Goldens.AssertClose(Goldens.Read("peer/gradients.safetensors"), _engine.Gradients, Tolerance);
    }

    [Fact]
    public void Accumulate_TwiceAtHalfScale_GivesTheSameGradientsAsOnce()
    {
        _engine.Accumulate(Goldens.Microbatch(_batch), 0.5);
        _engine.Accumulate(Goldens.Microbatch(_batch), 0.5);
        Goldens.AssertClose(Goldens.Read("peer/gradients.safetensors"), _engine.Gradients, Tolerance);
    }

    [Fact]
    public void Step_PeersGradients_GivesThePeersNormAndWeights()
    {
        _engine.Accumulate(Goldens.Microbatch(_batch), 1);
        var norm = _engine.Step(1);
        Assert.True(Goldens.RelativeError(_batch["grad_norm"][0], norm) < Tolerance);
        Goldens.AssertClose(Goldens.Read("peer/weights_after_step.safetensors"), _engine.Weights(), Tolerance);
    }

    [Fact]
    public void Step_Done_LeavesNoGradients()
    {
        _engine.Accumulate(Goldens.Microbatch(_batch), 1);
        _engine.Step(1);
        Assert.All(_engine.Gradients.Values, gradient => Assert.Equal(0f, gradient.abs().max().item<float>()));
    }
}
