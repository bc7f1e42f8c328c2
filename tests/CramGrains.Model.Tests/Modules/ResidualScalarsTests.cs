using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Modules;

/// <summary>Residual scalars against what can be computed by hand.</summary>
public sealed class ResidualScalarsTests : IDisposable
{
    // Layers whose outputs start at zero hand their input on, so the last stream is a known multiple of the embeddings.
    private static readonly ArchitectureRecipe Shape = TestRecipes.TinyShape with { ResidualScalars = true, ZeroInitializeOutputs = true, FinalNorm = false };

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Encode_LayersThatAddNothing_GivesTheProductOfTheScalars()
    {
        var ids = tensor(new long[,] { { 7, 8, 9, 10 } });
        using var model = new CrammedBert(Shape, 64, 16, seed: 1);
        using var plain = new CrammedBert(Shape with { ResidualScalars = false }, 64, 16, seed: 1);
        var start = plain.Encode(ids, null); // without scalars: the embeddings themselves
        Assert.True(model.Encode(ids, null).Equals(start)); // they start at 1 and 0
        Set(model, [0.5f, 2f], [0.25f, -1f]);
        var encoded = model.Encode(ids, null);
        Assert.True(Goldens.RelativeError(start * (2 * (0.5 + 0.25) - 1), encoded) < 1e-6);

        // Of a loss x . x0: d/d r0 = r1 x0 . x0, d/d e0 the same, d/d r1 = (r0 + e0) x0 . x0, d/d e1 = x0 . x0
        (encoded * start.detach()).sum().backward();
        double sum = start.square().sum().item<float>();
        var gradients = model.named_parameters().ToDictionary(named => named.name, named => named.parameter.grad);
        Assert.True(Goldens.RelativeError(tensor([(float)(2 * sum), (float)(0.75 * sum)]), gradients["residual_scalars"]!) < 1e-4);
        Assert.True(Goldens.RelativeError(tensor([(float)(2 * sum), (float)sum]), gradients["embedding_scalars"]!) < 1e-4);
    }

    [Fact]
    public void Parameters_WithScalars_AreTwoMoreALayer()
    {
        using var model = new CrammedBert(Shape, 64, 16);
        Assert.Equal(ModelCost.Parameters(Shape, 64, 16), model.parameters().Sum(parameter => parameter.numel()));
        Assert.Equal(ModelCost.Parameters(Shape with { ResidualScalars = false }, 64, 16) + 4, ModelCost.Parameters(Shape, 64, 16));
    }

    private static void Set(CrammedBert model, float[] residual, float[] embedding)
    {
        using var frozen = no_grad();
        var parameters = model.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        parameters["residual_scalars"].copy_(tensor(residual));
        parameters["embedding_scalars"].copy_(tensor(embedding));
    }
}
