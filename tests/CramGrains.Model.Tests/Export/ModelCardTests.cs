using CramGrains.Model.Export;

namespace CramGrains.Model.Tests.Export;

/// <summary>What an export says of the run behind it.</summary>
public sealed class ModelCardTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData(0.0002, "0.72 s")]
    [InlineData(24, "24 h")]
    public void Write_BudgetOfAnyLength_IsNotNoneInItsCard(double hours, string shown)
    {
        using var model = ExportKinds.Model(ExportKinds.All["crammed"].Shape);
        var export = ExportKinds.ToExport(ExportKinds.All["crammed"].Shape, model);
        string folder = Path.Combine(_temporary.Path, "card");
        HuggingFaceExport.Write(folder, export with { Card = export.Card with { TrainingHours = hours, Recipe = TestRecipes.Tiny() with { BudgetHours = hours, BudgetTokens = null } } });
        string card = File.ReadAllText(Path.Combine(folder, "README.md"));
        Assert.Contains($"| Budget | {shown} of training wall-clock on one device |", card, StringComparison.Ordinal);
        Assert.Contains($"| Training time used | {shown} |", card, StringComparison.Ordinal);
    }
}
