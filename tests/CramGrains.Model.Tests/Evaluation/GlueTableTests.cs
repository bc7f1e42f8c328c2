using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class GlueTableTests
{
    [Fact]
    public void Markdown_SeveralSeeds_ShowsMedianSpreadAndRange()
    {
        string table = GlueTable.Markdown([Model("ours", [0.50, 0.60, 0.40]), new("majority", [new(new("cola", GlueMetric.Mcc, 0, false), null)])]);
        Assert.Contains("| task | metric | ours | majority |", table, StringComparison.Ordinal);
        Assert.Contains("| cola | mcc | 50.0 ± 10.0 (40.0 to 60.0) | 0.0 |", table, StringComparison.Ordinal);
        Assert.Contains("median of 3 seeds", table, StringComparison.Ordinal);
        Assert.DoesNotContain("subset", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Markdown_ModelsOfUnequalSeeds_SaysHowManyEachHas()
    {
        string table = GlueTable.Markdown([Model("ours", [0.50, 0.60, 0.40]), Model("theirs", [0.3, 0.4]), new("majority", [new(new("cola", GlueMetric.Mcc, 0, false), null)])]);
        Assert.Contains("| cola | mcc | 50.0 ± 10.0 (40.0 to 60.0) | 35.0 ± 7.1 (30.0 to 40.0), 2 seeds | 0.0 |", table, StringComparison.Ordinal);
        Assert.Contains("median of 3 seeds", table, StringComparison.Ordinal);

        table = GlueTable.Markdown([Model("ours", [0.50, 0.60, 0.40]), Model("theirs", [0.3])]);
        Assert.Contains("| 30.0, 1 seed |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Markdown_BaselineWithoutSeeds_SpeaksOfNone() => Assert.Contains(
        "\nGLUE dev, in percent.\n", GlueTable.Markdown([new("majority", [new(new("cola", GlueMetric.Mcc, 0, false), null)])]), StringComparison.Ordinal);

    [Fact]
    public void Markdown_TaskNotRun_LeavesAveragesOutAndNamesIt()
    {
        string table = GlueTable.Markdown([Model("ours", [0.5])]);
        Assert.Contains("| **cramming-9** | mean | not all tasks run |", table, StringComparison.Ordinal);
        Assert.Contains("not run: mnli, mnli-mm, sst2, stsb, rte, qnli, qqp, mrpc.", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Markdown_AllOfTheNine_ShowsTheAverageByName()
    {
        (string Task, GlueMetric Metric)[] nine =
        [
            ("mnli", GlueMetric.Accuracy), ("mnli-mm", GlueMetric.Accuracy), ("sst2", GlueMetric.Accuracy), ("stsb", GlueMetric.Pearson), ("rte", GlueMetric.Accuracy),
            ("qnli", GlueMetric.Accuracy), ("qqp", GlueMetric.F1), ("mrpc", GlueMetric.F1), ("cola", GlueMetric.Mcc),
        ];
        string table = GlueTable.Markdown([new("ours", [.. nine.Index().Select(term => new SeededScore(new(term.Item.Task, term.Item.Metric, term.Index / 10.0, term.Index == 0), 0))])]);
        Assert.Contains("| **cramming-9** (subset) | mean | 40.0 |", table, StringComparison.Ordinal);
        Assert.Contains("| **cramming-9 without cola** (subset) | mean | 35.0 |", table, StringComparison.Ordinal);
        Assert.Contains("| **official-8** | mean | not all tasks run |", table, StringComparison.Ordinal);
        Assert.Contains("| mnli (subset) |", table, StringComparison.Ordinal);
        Assert.Contains("not comparable with published GLUE", table, StringComparison.Ordinal);
    }

    private static GlueResults Model(string name, double[] values) => new(name, [.. values.Index().Select(value => new SeededScore(new("cola", GlueMetric.Mcc, value.Item, false), value.Index))]);
}
