using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class GlueAveragesTests
{
    // The row of the crammed BERT's model card: its nine numbers average to 80.72 and the card says 80.7.
    private static GlueScore[] ModelCard { get; } =
    [
        new("mnli", GlueMetric.Accuracy, .841, false), new("mnli-mm", GlueMetric.Accuracy, .846, false), new("sst2", GlueMetric.Accuracy, .920, false),
        new("stsb", GlueMetric.Pearson, .874, false), new("rte", GlueMetric.Accuracy, .585, false), new("qnli", GlueMetric.Accuracy, .902, false),
        new("qqp", GlueMetric.F1, .875, false), new("mrpc", GlueMetric.F1, .889, false), new("cola", GlueMetric.Mcc, .533, false),
    ];

    [Fact]
    public void Over_ModelCard_GivesItsAverage() => Assert.Equal(7.265 / 9, Average(GlueAverages.Cramming9, ModelCard).Value!.Value, 12);

    [Fact]
    public void Over_ModelCardWithoutCola_LeavesOnlyColaOut() =>
        Assert.Equal(6.732 / 8, Average(GlueAverages.Cramming9WithoutCola, ModelCard).Value!.Value, 12);

    [Fact]
    public void Over_WithoutSecondMetrics_HasNoOfficialAverageAndNamesTheTasks()
    {
        var average = Average(GlueAverages.Official8, ModelCard);
        Assert.Null(average.Value);
        Assert.Equal(["mrpc", "stsb", "qqp"], average.MissingTasks);
    }

    [Fact]
    public void Over_AllMetrics_AveragesWithinATaskFirst()
    {
        GlueScore[] scores =
        [
            .. ModelCard, new("mrpc", GlueMetric.Accuracy, .850, false), new("qqp", GlueMetric.Accuracy, .905, false),
            new("stsb", GlueMetric.Spearman, .870, false),
        ];
        double expected = (.533 + .920 + ((.889 + .850) / 2) + ((.874 + .870) / 2) + ((.875 + .905) / 2) + ((.841 + .846) / 2) + .902 + .585) / 8;
        Assert.Equal(expected, Average(GlueAverages.Official8, scores).Value!.Value, 12);
    }

    [Fact]
    public void Over_MissingTask_IsAbsentAndNamesIt()
    {
        var average = Average(GlueAverages.Cramming9, ModelCard.Where(score => score.Task != "rte"));
        Assert.Null(average.Value);
        Assert.Equal(["rte"], average.MissingTasks);
    }

    [Fact]
    public void Over_Seeds_UsesTheMedian()
    {
        GlueScore[] scores = [.. ModelCard, new("cola", GlueMetric.Mcc, 0, false), new("cola", GlueMetric.Mcc, .999, false)];
        Assert.Equal(7.265 / 9, Average(GlueAverages.Cramming9, scores).Value!.Value, 12);
    }

    [Fact]
    public void Over_OneSubset_LabelsTheAverage()
    {
        Assert.False(Average(GlueAverages.Cramming9, ModelCard).Subset);
        Assert.True(Average(GlueAverages.Cramming9, ModelCard.Select(score => score with { Subset = score.Task == "qqp" })).Subset);
    }

    [Fact]
    public void MedianOver_EvenCount_IsBetweenTheMiddleTwo()
    {
        var median = Assert.Single(GlueMedian.Over(new[] { .4, .1, .2, .9 }.Select(value => new GlueScore("rte", GlueMetric.Accuracy, value, false))));
        Assert.Equal((.3, .1, .9, 4), (Math.Round(median.Median, 12), median.Minimum, median.Maximum, median.Seeds));
        Assert.Equal(Math.Sqrt(.38 / 3), median.StandardDeviation, 12); // deviations 0, .3, .2, .5
    }

    [Theory]
    [InlineData(GlueTaskName.Cola, "0,1,1", GlueMetric.Mcc, 0)]
    [InlineData(GlueTaskName.Mrpc, "0,1,1", GlueMetric.F1, 0.8)]
    [InlineData(GlueTaskName.Mrpc, "0,1,1", GlueMetric.Accuracy, 2.0 / 3)]
    [InlineData(GlueTaskName.Stsb, "1,2,5", GlueMetric.Pearson, 0)]
    public void MajorityClass_OnDev_ScoresTheMostFrequentTrainingLabel(GlueTaskName task, string labels, GlueMetric metric, double expected)
    {
        var description = GlueTask.Of(task);
        GlueExample[] examples = [.. labels.Split(',').Select(label => new GlueExample("a", "b", int.Parse(label, null)))];
        var data = new GlueData(description, new(description.Train, "train.tsv", examples, 0), [new(description.Evaluations[0], "dev.tsv", examples, 0)]);
        Assert.Equal(expected, Baselines.MajorityClass(data).Single(score => score.Metric == metric).Value, 12);
    }

    private static GlueAverage Average(string name, IEnumerable<GlueScore> scores) => GlueAverages.Over(scores).Single(average => average.Name == name);
}
