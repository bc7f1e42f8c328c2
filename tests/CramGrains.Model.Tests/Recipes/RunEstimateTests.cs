using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Recipes;

public sealed class RunEstimateTests
{
    private static readonly Recipe Paper = RecipeLoader.Load(
        File.ReadAllText(Path.Combine(Goldens.Repository, "recipes", "crammed-bert-24h.json")), "crammed-bert-24h.json", []).Recipe!;

    [Fact]
    public void Of_PapersRecipe_Has119Point6MillionParameters() => Assert.Equal(119.6, RunEstimate.Of(Paper).Parameters / 1e6, 0.05);

    [Fact]
    public void Of_PapersRecipe_Takes623MegaflopPerToken() => Assert.Equal(623, RunEstimate.Of(Paper).FlopsPerToken / 1e6, 0.5);

    [Fact]
    public void Of_DayOnAnA6000_IsThePapersBudgetInExaflop() => Assert.Equal(13.4, RunEstimate.Of(Paper, GpuPeaks.Teraflops["a6000"]).PeakExaflop!.Value, 0.05);

    [Fact] // the reference was measured at 105.5 thousand tokens a second on an A6000
    public void Of_MeasuredSpeed_GivesTheUtilization() =>
        Assert.Equal(0.42, RunEstimate.Of(Paper, GpuPeaks.Teraflops["A6000"], tokensPerSecond: 105_500).ModelFlopsUtilization!.Value, 0.01);

    [Fact]
    public void Of_Utilization_GivesTheSameSpeedBack()
    {
        var forward = RunEstimate.Of(Paper, 1000, utilization: 0.4, corpusTokens: 10_000_000_000);
        var back = RunEstimate.Of(Paper, 1000, tokensPerSecond: forward.TokensPerSecond);
        Assert.Equal(0.4, back.ModelFlopsUtilization!.Value, 1e-12);
        Assert.Equal(forward.Tokens!.Value, forward.TokensPerSecond!.Value * 86_400, 1);
        Assert.Equal(forward.Tokens!.Value / 1e10, forward.Epochs!.Value, 1e-9);
        Assert.Equal(0.4 * forward.PeakExaflop!.Value, forward.ModelExaflop!.Value, 1e-9);
    }

    [Fact]
    public void Of_BudgetOfTokens_NeedsNoSpeedForItsCompute()
    {
        var estimate = RunEstimate.Of(Paper with { BudgetHours = null, BudgetTokens = 1_000_000_000 });
        Assert.Equal(0.623, estimate.ModelExaflop!.Value, 0.001);
        Assert.Null(estimate.Hours);
    }

    [Fact]
    public void Of_BudgetOfCompute_ReadsTokensAccordingly() =>
        Assert.Equal(1e18 / 623.0e6, RunEstimate.Of(Paper with { BudgetHours = null, BudgetExaflop = 1 }).Tokens!.Value, 2e6);

    [Fact]
    public void Of_BudgetOfHoursWithoutSpeed_LeavesTokensUnknown() => Assert.Null(RunEstimate.Of(Paper, 1000).Tokens);

    [Fact]
    public void Of_UtilizationInPercent_SaysWhatToWrite() =>
        Assert.Contains("0.4 for 40 %", Assert.Throws<ArgumentException>(() => RunEstimate.Of(Paper, 1000, utilization: 40)).Message, StringComparison.Ordinal);

    [Fact]
    public void Of_UtilizationBesideASpeed_IsRefused() =>
        Assert.Throws<ArgumentException>(() => RunEstimate.Of(Paper, 1000, utilization: 0.4, tokensPerSecond: 1));
}
