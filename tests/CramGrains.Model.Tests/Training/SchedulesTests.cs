using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Tests.Training;

/// <summary>Every schedule against its closed form, written out here on its own.</summary>
public sealed class SchedulesTests
{
    private const double W = 0.1, C = 0.2;

    public static TheoryData<ScheduleKind, double, double, Func<double, double>> Shapes => new()
    {
        { ScheduleKind.Triangle2, 0, 0, x => x < 0.75 ? 0.25 + x : 4 - 4 * x },
        { ScheduleKind.Triangle1, 0, 0, x => x < 0.75 ? 0.5 + 0.5 * x / 0.75 : 4 - 4 * x },
        { ScheduleKind.OneCycle, 0, 0, x => 1 - Math.Abs(2 * x - 1) },
        { ScheduleKind.MultiCycle, 0, 0, x => 1 - Math.Abs(2 * (8 * x - Math.Floor(8 * x)) - 1) },
        { ScheduleKind.Constant, W, C, x => x < W ? x / W : x > 1 - C ? (1 - x) / C : 1 },
        { ScheduleKind.Constant, 0, 0, _ => 1 },
        { ScheduleKind.Linear, W, 0, x => x < W ? x / W : (1 - x) / (1 - W) },
        { ScheduleKind.Linear, 0, 0, x => 1 - x },
        { ScheduleKind.Polynomial, W, 0, x => x < W ? x / W : (1 - x) / (1 - W) },
        { ScheduleKind.Cosine, W, 0, x => x < W ? x / W : Math.Pow(Math.Cos(Math.PI / 2 * (x - W) / (1 - W)), 2) },
        { ScheduleKind.CosineAnnealing, 0, 0, x => x == 1 ? 0 : Math.Pow(Math.Cos(Math.PI / 2 * (4 * x - Math.Floor(4 * x))), 2) },
        { ScheduleKind.InverseSqrt, W, C, x => x < W ? x / W : x > 1 - C ? Math.Sqrt(W / (1 - C)) * (1 - x) / C : Math.Sqrt(W / x) },
        { ScheduleKind.Ramp, 0, C, x => x > 1 - C ? (1 - C) * (1 - x) / C : x },
        { ScheduleKind.InverseCosine, 0, C, x => x > 1 - C ? Math.Pow(Math.Sin(Math.PI / 2 * (1 - C)), 2) * (1 - x) / C : Math.Pow(Math.Sin(Math.PI / 2 * x), 2) },
        { ScheduleKind.Dive, 0, 0, x => x < 0.5 ? 1 : 2 - 2 * x },
        { ScheduleKind.DiveSlow, 0, 0, x => x < 0.25 ? 1 : (1 - x) / 0.75 },
        { ScheduleKind.DiveFast, 0, 0, x => x < 0.75 ? 1 : (1 - x) / 0.25 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LearningRateFactor_OverTheBudget_FollowsItsClosedForm(ScheduleKind kind, double warmup, double cooldown, Func<double, double> expected)
    {
        for (int i = 0; i <= 1000; i++)
        {
            Assert.Equal(expected(i / 1000.0), Schedules.LearningRateFactor(new(kind, warmup, cooldown), i / 1000.0), 1e-9);
        }
    }

    [Theory] // tied to 500 steps, whatever the budget says; after them as at their end
    [MemberData(nameof(Shapes))]
    public void LearningRateFactor_TiedToSteps_FollowsTheSameFormOfTheStep(ScheduleKind kind, double warmup, double cooldown, Func<double, double> expected)
    {
        var schedule = new ScheduleRecipe(kind, warmup, cooldown, Steps: 500);
        for (int step = 0; step <= 600; step++)
        {
            Assert.Equal(expected(Math.Min(step, 500) / 500.0), Schedules.LearningRateFactor(schedule, budgetFraction: 0.3, step), 1e-9);
        }
    }

    [Fact]
    public void LearningRateFactor_TiedToTheBudget_DoesNotSeeSteps() =>
        Assert.Equal(0.75, Schedules.LearningRateFactor(new(ScheduleKind.Triangle2), budgetFraction: 0.5, microbatchSteps: 12345), 1e-12);

    [Fact]
    public void Shapes_AsTested_AreAllThatThereAre() => Assert.Equal(Enum.GetValues<ScheduleKind>(), Shapes.Select(row => row.Data.Item1).Distinct().Order());

    [Theory]
    [InlineData(ScheduleKind.Triangle2)]
    [InlineData(ScheduleKind.Triangle1)]
    [InlineData(ScheduleKind.OneCycle)]
    [InlineData(ScheduleKind.MultiCycle)]
    [InlineData(ScheduleKind.Linear)]
    [InlineData(ScheduleKind.Cosine)]
    [InlineData(ScheduleKind.CosineAnnealing)]
    [InlineData(ScheduleKind.Dive)]
    [InlineData(ScheduleKind.DiveSlow)]
    [InlineData(ScheduleKind.DiveFast)]
    [InlineData(ScheduleKind.Polynomial)]
    public void LearningRateFactor_BudgetUsedUp_IsZero(ScheduleKind kind) => Assert.Equal(0, Schedules.LearningRateFactor(new(kind), 1));

    [Theory]
    [InlineData(-0.5, 0.25)]
    [InlineData(1.5, 0)]
    public void LearningRateFactor_OutsideTheBudget_IsThatOfItsEnds(double progress, double expected) =>
        Assert.Equal(expected, Schedules.LearningRateFactor(new(ScheduleKind.Triangle2), progress));

    [Theory] // the paper's: one microbatch of 128 at first, 8192 from 60 % on; x / .6 * 8192 / 128 microbatches between
    [InlineData(0, 128)]
    [InlineData(0.009, 128)]
    [InlineData(0.01, 256)]
    [InlineData(0.3, 4224)]
    [InlineData(0.5999, 8192)]
    [InlineData(0.6, 8192)]
    [InlineData(1, 8192)]
    public void BatchSize_PapersRamp_GrowsByMicrobatches(double progress, int expected) => Assert.Equal(expected, Schedules.BatchSize(Paper(), progress));

    [Theory] // 64 microbatches over 640 steps, whatever the budget says
    [InlineData(0, 128)]
    [InlineData(9, 128)]
    [InlineData(10, 256)]
    [InlineData(639, 8192)]
    [InlineData(640, 8192)]
    [InlineData(100_000, 8192)]
    public void BatchSize_RampBySteps_GrowsWithThem(long step, int expected) =>
        Assert.Equal(expected, Schedules.BatchSize(Paper() with { BatchRampFraction = 0, BatchRampSteps = 640 }, budgetFraction: 0.99, step));

    [Theory]
    [InlineData(0.0, 2048)]
    [InlineData(0.3, 5120)]
    [InlineData(0.5999, 8064)]
    [InlineData(0.6, 8192)]
    public void BatchSize_RampWithAStart_GrowsFromIt(double progress, int expected) => Assert.Equal(expected, Schedules.BatchSize(Paper() with { BatchSizeStart = 2048 }, progress));

    [Fact]
    public void BatchSize_NoRamp_IsFullFromTheStart() => Assert.Equal(8192, Schedules.BatchSize(Paper() with { BatchRampFraction = 0 }, 0));

    [Theory]
    [InlineData(0, 0.30)]
    [InlineData(0.5, 0.225)]
    [InlineData(1, 0.15)]
    public void MaskFraction_WithAnEnd_FallsLinearly(double progress, double expected) =>
        Assert.Equal(expected, Schedules.MaskFraction(Paper() with { MaskFraction = 0.30, MaskFractionEnd = 0.15 }, progress), 1e-12);

    private static TrainingRecipe Paper() => TestRecipes.Tiny().Training with { MicrobatchSize = 128, BatchSize = 8192, BatchRampFraction = 0.6 };
}
