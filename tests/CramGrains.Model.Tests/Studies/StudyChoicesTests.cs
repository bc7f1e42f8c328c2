using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

public sealed class StudyChoicesTests
{
    [Fact]
    public void Grid_Complete_ChoosesTheLowestLossAndPassesOverWhatDiverged()
    {
        var grid = StudyChoices.Grid(Results.Definition, "modern", [Results.Grid("modern", 0.01, 4.2), Results.Grid("modern", 0.02, 4.0), Results.Grid("modern", 0.04, null), Results.Grid("plain", 1, 1)])!;
        Assert.Equal((0.02, false), (grid.Best, grid.AtEdge));
        Assert.Equal([4.2, 4.0, null], grid.Points.Select(point => point.HeldOutNats));
    }

    [Fact]
    public void Grid_BestIsTheLargestTried_IsAtTheEdge()
    {
        var grid = StudyChoices.Grid(Results.Definition, "modern", [Results.Grid("modern", 0.01, 4.2), Results.Grid("modern", 0.02, 4.0), Results.Grid("modern", 0.04, 3.9)])!;
        Assert.Equal((0.04, true), (grid.Best, grid.AtEdge));
    }

    [Fact]
    public void Grid_PointMissing_HasNotChosen() =>
        Assert.Null(StudyChoices.Grid(Results.Definition, "modern", [Results.Grid("modern", 0.01, 4.2), Results.Grid("modern", 0.02, 4.0)])!.Best);

    [Fact]
    public void Grid_VariantWithoutOne_IsNull() =>
        Assert.Null(StudyChoices.Grid(Results.Definition with { Variants = [new("bare", "bare.json")] }, "bare", []));

    [Fact]
    public void Setting_AllTasksScored_IsTheBestMeanOverTasks()
    {
        // The second is far better on one task and a little worse on the other: one setting serves both.
        var choice = StudyChoices.Setting(Results.Definition, "modern",
        [
            Results.Glue("modern", GlueTaskName.Cola, 0, 0.30, "learning_rate=1e-5", choice: true), Results.Glue("modern", GlueTaskName.Mrpc, 0, 0.85, "learning_rate=1e-5", choice: true),
            Results.Glue("modern", GlueTaskName.Cola, 0, 0.44, "learning_rate=1e-4", choice: true), Results.Glue("modern", GlueTaskName.Mrpc, 0, 0.84, "learning_rate=1e-4", choice: true),
            Results.Glue("modern", GlueTaskName.Cola, 0, 0.99, "learning_rate=1e-5"), // dev does not count
        ]);
        Assert.Equal("learning_rate=1e-4", choice.Best);
        Assert.Equal([0.575, 0.64], choice.Candidates.Select(candidate => Math.Round(candidate.Mean!.Value, 9)));
    }

    [Fact]
    public void Setting_TaskMissing_HasNotChosen()
    {
        var choice = StudyChoices.Setting(Results.Definition, "modern", [Results.Glue("modern", GlueTaskName.Cola, 0, 0.30, "learning_rate=1e-5", choice: true)]);
        Assert.Null(choice.Best);
    }

    [Fact]
    public void Setting_OneCandidate_NeedsNoChoice()
    {
        var study = Results.Definition with { Glue = Results.Definition.Glue! with { Settings = null } };
        Assert.Equal("the recipe's own", StudyChoices.Setting(study, "modern", []).Best);
    }
}
