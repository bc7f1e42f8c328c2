using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Evaluation;

namespace CramGrains.Silo.Tests.Evaluation;

public sealed class GlueSummaryTests
{
    private static readonly (string Task, string Metric)[] Nine =
    [
        ("mnli", "accuracy"), ("mnli-mm", "accuracy"), ("sst2", "accuracy"), ("stsb", "pearson"), ("rte", "accuracy"), ("qnli", "accuracy"), ("qqp", "f1"), ("mrpc", "f1"),
        ("cola", "mcc"),
    ];

    [Fact]
    public void Averages_NineTasksOfThreeSeeds_AreOverTheirMedians()
    {
        var scores = Nine.SelectMany(term => (GlueScore[])[new(term.Task, term.Metric, 0.9, 0, false), new(term.Task, term.Metric, 0.6, 1, false), new(term.Task, term.Metric, 0.1, 2, false)]);
        var averages = GlueSummary.Averages([.. scores]);
        Assert.Equal(["cramming-9", "cramming-9 without cola"], averages.Select(average => average.Name)); // the third needs second metrics, which were not run
        Assert.All(averages, average => Assert.Equal((0.6, false), (Math.Round(average.Value, 12), average.Subset)));
    }

    [Fact]
    public void Averages_OneTaskOfASubset_SaysSoOfThoseThatHoldIt()
    {
        var averages = GlueSummary.Averages([.. Nine.Select(term => new GlueScore(term.Task, term.Metric, 0.5, 0, Subset: term.Task == "cola"))]);
        Assert.Equal([true, false], averages.Select(average => average.Subset));
    }

    [Fact]
    public void Averages_TaskMissing_AreNotGiven() =>
        Assert.Empty(GlueSummary.Averages([.. Nine.Where(term => term.Task != "sst2").Select(term => new GlueScore(term.Task, term.Metric, 0.5, 0, false))]));
}
