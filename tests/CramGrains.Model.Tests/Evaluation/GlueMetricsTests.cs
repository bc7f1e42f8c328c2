using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class GlueMetricsTests
{
    // TP 6, FN 2, FP 1, TN 3: the example of the usual encyclopedia article on confusion matrices.
    private static int[] Actual { get; } = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0];

    private static int[] Predicted { get; } = [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1];

    // Anscombe's first data set, whose correlation is printed in every textbook as 0.816.
    private static double[] AnscombeX { get; } = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];

    private static double[] AnscombeY { get; } = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];

    [Fact]
    public void Mcc_OfTextbookTable_IsHandCalculated() => Assert.Equal(16 / Math.Sqrt(1120), GlueMetrics.Mcc(Predicted, Actual), 15);

    [Fact]
    public void Mcc_OfConstantPrediction_IsZero() => Assert.Equal(0, GlueMetrics.Mcc(new int[12], Actual));

    [Fact]
    public void Mcc_OfInvertedLabels_IsMinusOne() => Assert.Equal(-1, GlueMetrics.Mcc([.. Actual.Select(label => 1 - label)], Actual), 15);

    [Fact]
    public void Mcc_OfManyExamples_DoesNotOverflow()
    {
        // Four margins of 200,000 multiply to 1.6e21, more than a long holds.
        int[] actual = [.. Enumerable.Range(0, 400_000).Select(i => i % 2)];
        Assert.Equal(1, GlueMetrics.Mcc(actual, actual), 15);
    }

    [Fact]
    public void Mcc_OfThirdClass_Throws() => Assert.Throws<ArgumentException>(() => GlueMetrics.Mcc([2], [1]));

    [Fact]
    public void Accuracy_OfTextbookTable_IsNineOfTwelve() => Assert.Equal(0.75, GlueMetrics.Accuracy(Predicted, Actual));

    [Fact]
    public void F1_OfTextbookTable_IsTwelveOfFifteen() => Assert.Equal(0.8, GlueMetrics.F1(Predicted, Actual), 15);

    [Fact]
    public void F1_WithoutAnyPositive_IsZero() => Assert.Equal(0, GlueMetrics.F1([0, 0], [0, 0]));

    [Fact]
    public void Pearson_OfAnscombe_IsPublishedValue() => Assert.Equal(0.81642051634484, GlueMetrics.Pearson(AnscombeX, AnscombeY), 14);

    [Fact]
    public void Pearson_OfConstantPrediction_IsZero() => Assert.Equal(0, GlueMetrics.Pearson([.. Enumerable.Repeat(0.1, 11)], AnscombeY));

    [Fact]
    public void Pearson_OfLineWithLargeOffset_IsOne() =>
        Assert.Equal(1, GlueMetrics.Pearson([1e8 + 1, 1e8 + 2, 1e8 + 4], [1, 2, 4]), 12);

    [Fact]
    public void Spearman_OfIntelligenceAndTelevision_IsPublishedValue() =>
        Assert.Equal(-29.0 / 165, GlueMetrics.Spearman([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]), 14);

    [Fact]
    public void Spearman_OfTies_UsesAverageRanks() => Assert.Equal(4.5 / Math.Sqrt(22.5), GlueMetrics.Spearman([1, 2, 2, 3], [10, 20, 30, 40]), 14);

    [Fact]
    public void Spearman_OfConstantPrediction_IsZero() => Assert.Equal(0, GlueMetrics.Spearman([3, 3, 3], [1, 2, 3]));

    [Fact]
    public void Ranks_OfTies_AreAverages() => Assert.Equal([4.0, 1.5, 1.5, 3.0], GlueMetrics.Ranks([7, 2, 2, 5]));

    [Fact]
    public void Accuracy_OfUnequalLengths_Throws() => Assert.Throws<ArgumentException>(() => GlueMetrics.Accuracy([1], [1, 0]));
}
