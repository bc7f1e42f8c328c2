using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class FineTuningPlanTests
{
    [Fact]
    public void TotalSteps_IncompleteLastBatch_Counts() =>
        Assert.Equal(5 * 535, new FineTuningPlan(FineTunerTests.Recipe with { Epochs = 5, BatchSize = 16 }, 8551).TotalSteps);

    [Fact]
    public void TotalSteps_Faithful_DropsTheIncompleteBatch() =>
        Assert.Equal(5 * 534, new FineTuningPlan(FineTunerTests.Recipe with { Epochs = 5, BatchSize = 16, Faithful = true }, 8551).TotalSteps);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 0.5)]
    [InlineData(10, 1)]
    [InlineData(55, 0.5)] // halfway between the end of the warm-up and the end
    [InlineData(100, 0)]
    public void LearningRate_OverHundredSteps_WarmsUpAndFallsToZero(long step, double fraction)
    {
        var plan = new FineTuningPlan(FineTunerTests.Recipe with { Epochs = 1, BatchSize = 10, WarmupFraction = 0.1, LearningRate = 4e-5 }, 1000);
        Assert.Equal(fraction * 4e-5, plan.LearningRate(step), 12);
    }

    [Fact]
    public void LearningRate_Faithful_WarmsUpForColasStepsOnEveryTask()
    {
        // The reference's 267 steps: a tenth of CoLA's 2,670, here on RTE's 775.
        var plan = new FineTuningPlan(FineTunerTests.Recipe with { Epochs = 5, BatchSize = 16, WarmupFraction = 0.1, LearningRate = 1, Faithful = true }, 2490);
        Assert.Equal(775, plan.TotalSteps);
        Assert.Equal(1, plan.LearningRate(267), 12);
        Assert.Equal(266.0 / 267, plan.LearningRate(266), 12);
    }
}
