using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

public sealed class StudyPlanTests
{
    [Fact]
    public void Cells_WholeStudy_AreGridsThenTheLadderThenAblations()
    {
        Assert.Equal(
            [
                "plain@grid=0.5#0", "plain@grid=1#0", "plain@grid=2#0", "modern@grid=0.01#0", "modern@grid=0.02#0", "modern@grid=0.04#0",
                "plain@2m#0", "modern@2m#0", "plain@2m#1", "modern@2m#1", "plain@8m#0", "modern@8m#0", "plain@8m#1", "modern@8m#1",
                "modern-without-muon@2m#0", "modern-without-muon@2m#1",
            ],
            StudyPlan.Cells(Results.Definition).Select(cell => cell.Name));
    }

    [Fact]
    public void Cells_AblationAtABudgetOfItsOwn_RunsTheWholeVariantThereToo()
    {
        var study = Results.Definition with { Ablate = Results.Definition.Ablate! with { Budget = "30s", Seeds = [4] } };
        Assert.Equal(["modern@30s#4", "modern-without-muon@30s#4"], StudyPlan.Cells(study).Select(cell => cell.Name).TakeLast(2));
    }

    [Fact]
    public void Cells_Folders_AreAllDifferent()
    {
        var folders = StudyPlan.Cells(Results.Definition).Select(cell => cell.Folder).ToList();
        Assert.Equal(folders.Count, folders.Distinct().Count());
        Assert.Contains("cells/modern/grid-0.02-60s/seed-0", folders);
    }

    [Fact]
    public void IsFineTuned_NoBudgetNamed_IsTheLongest()
    {
        var study = Results.Definition with { Budgets = ["8m", "120s"] };
        Assert.Equal(["8m"], StudyPlan.GlueBudgets(study));
        Assert.Equal(
            ["plain@8m#0", "modern@8m#0", "plain@8m#1", "modern@8m#1"], StudyPlan.Cells(study).Where(cell => StudyPlan.IsFineTuned(study, cell)).Select(cell => cell.Name));
    }

    [Theory]
    [InlineData("modern", 7)] // three grid points and four runs; without an element it is another variant
    [InlineData("modern@8m", 2)]
    [InlineData("modern@8m#1", 1)]
    [InlineData("modern@grid", 3)]
    [InlineData("@grid", 6)]
    [InlineData("@grid=0.02", 1)]
    [InlineData("#1", 5)]
    [InlineData("modern-without-*", 2)]
    [InlineData("elsewhere", 0)]
    public void Covers_Selection_IsWhatItNames(string only, int cells)
    {
        var selection = StudySelection.Parse(only);
        Assert.Equal(cells, StudyPlan.Cells(Results.Definition).Count(selection.Covers));
    }

    [Theory]
    [InlineData("")]
    [InlineData("modern@")]
    [InlineData("modern#x")]
    public void Parse_OtherForm_SaysWhatIsExpected(string only) =>
        Assert.Contains("VARIANT[@BUDGET][#SEED]", Assert.Throws<ArgumentException>(() => StudySelection.Parse(only)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_Budgets_AreSecondsTokensOrCompute()
    {
        Assert.Equal(new StudyBudget(BudgetUnit.Seconds, 480), StudyBudget.Read("8m"));
        Assert.Equal(new StudyBudget(BudgetUnit.Tokens, 5e8), StudyBudget.Read("500Mtokens"));
        Assert.Equal(new StudyBudget(BudgetUnit.Exaflop, 1.5), StudyBudget.Read("1.5exaflop"));
        Assert.Null(StudyBudget.Read("soon"));
    }
}
