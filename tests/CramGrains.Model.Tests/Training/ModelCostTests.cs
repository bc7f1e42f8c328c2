using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Tests.Training;

public sealed class ModelCostTests
{
    private static readonly ArchitectureRecipe Paper = new(Layers: 16, HiddenSize: 768, Heads: 12, FeedForwardSize: 3072);

    [Fact]
    public void Parameters_PaperShape_Are119Point6Million() => Assert.Equal(119.6, ModelCost.Parameters(Paper, 32768, 128) / 1e6, 0.05);

    [Fact]
    public void FlopsPerToken_PaperShape_Are623Million() => Assert.Equal(623, ModelCost.FlopsPerToken(Paper, 32768, 128, 0.25) / 1e6, 0.5);

    public static TheoryData<ArchitectureRecipe> Shapes => [.. Modules.ArchitectureShapes.All.Select(shape => new TheoryDataRow<ArchitectureRecipe>(shape.Shape))];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Parameters_AnyShape_AreThoseOfTheModel(ArchitectureRecipe shape)
    {
        using var model = new CrammedBert(shape, 64, 16);
        Assert.Equal(model.parameters().Sum(parameter => parameter.numel()), ModelCost.Parameters(shape, 64, 16));
    }
}
