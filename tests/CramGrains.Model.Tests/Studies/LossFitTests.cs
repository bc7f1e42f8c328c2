using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

public sealed class LossFitTests
{
    private static readonly double[] Ladder = [120, 240, 480, 960, 1920];

    [Theory]
    [InlineData(2.0, 9.0, 0.35)]
    [InlineData(0.5, 6.0, 0.08)]
    [InlineData(3.1, 400.0, 1.2)]
    public void Of_PointsOfAPowerLaw_RecoversItsParameters(double a, double b, double c)
    {
        var fit = LossFit.Of([.. Ladder.Select(t => new LadderPoint(t, a + (b * Math.Pow(t, -c))))])!;
        Assert.Equal(LossFitForm.PowerLaw, fit.Form);
        Assert.Equal(a, fit.A, Math.Abs(a) * 1e-3);
        Assert.Equal(b, fit.B, b * 1e-3);
        Assert.Equal(c, fit.C, c * 1e-3);
        Assert.All(fit.Residuals, residual => Assert.Equal(0, residual, 1e-6));
        Assert.Equal(a + (b * Math.Pow(86_400, -c)), fit.At(86_400), 1e-3);
    }

    [Fact]
    public void Of_NoisyPoints_LeavesTheNoiseAsResiduals()
    {
        double[] noise = [0.01, -0.02, 0.015, -0.01, 0.005];
        var fit = LossFit.Of([.. Ladder.Index().Select(pair => new LadderPoint(pair.Item, 2 + (9 * Math.Pow(pair.Item, -0.35)) + noise[pair.Index]))])!;
        Assert.Equal(0, fit.Residuals.Sum(), 1e-9); // least squares with a constant
        Assert.InRange(fit.Residuals.Max(Math.Abs), 0.001, 0.03);
        // No other curve of the form is nearer: not the one that the points were made from.
        Assert.True(fit.Residuals.Sum(r => r * r) <= noise.Sum(r => r * r));
    }

    [Fact]
    public void Of_ThreeBudgets_IsALineOverTheLogarithm()
    {
        var fit = LossFit.Of([.. Ladder.Take(3).Select(t => new LadderPoint(t, 8 - (0.7 * Math.Log(t))))])!;
        Assert.Equal((LossFitForm.LogLinear, 8.0, -0.7), (fit.Form, Math.Round(fit.A, 9), Math.Round(fit.B, 9)));
        Assert.Equal(8 - (0.7 * Math.Log(960)), fit.At(960), 1e-9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.05)] // falls faster and faster
    public void Of_PointsThatDoNotLevelOff_IsALineOverTheLogarithm(double bend)
    {
        // A power law would take its smallest exponent, which is that line once more, and promise a loss far below zero for a long budget.
        var fit = LossFit.Of([.. Ladder.Index().Select(pair => new LadderPoint(pair.Item, 9 - (0.7 * pair.Index) + (bend * pair.Index * pair.Index)))])!;
        Assert.Equal(LossFitForm.LogLinear, fit.Form);
        Assert.Equal(0, fit.Residuals.Sum(), 1e-9);
    }

    [Fact]
    public void Of_ManyPointsOfOneBudget_IsNone() => Assert.Null(LossFit.Of([new(60, 4), new(60, 4.1), new(60, 4.2), new(60, 4.3)]));
}
