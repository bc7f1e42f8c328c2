namespace CramGrains.Model.Evaluation;

/// <summary>The metrics of GLUE, exact in double precision. What is undefined (empty margins, a constant series) is 0, the score of knowing nothing.</summary>
public static class GlueMetrics
{
    /// <summary>Fraction of equal labels.</summary>
    public static double Accuracy(ReadOnlySpan<int> predicted, ReadOnlySpan<int> actual)
    {
        RequirePairs(predicted.Length, actual.Length);
        int right = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            right += predicted[i] == actual[i] ? 1 : 0;
        }

        return (double)right / actual.Length;
    }

    /// <summary>Matthews correlation of labels 0 and 1: (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)).</summary>
    public static double Mcc(ReadOnlySpan<int> predicted, ReadOnlySpan<int> actual)
    {
        var (truePositive, falsePositive, falseNegative, trueNegative) = Confusion(predicted, actual);
        // Doubles: the product of four margins overflows a long from about 55,000 examples on.
        double margins = (truePositive + falsePositive) * (truePositive + falseNegative) * (trueNegative + falsePositive) * (trueNegative + falseNegative);
        return margins == 0 ? 0 : ((truePositive * trueNegative) - (falsePositive * falseNegative)) / Math.Sqrt(margins);
    }

    /// <summary>Binary F1 of label 1: 2 TP / (2 TP + FP + FN).</summary>
    public static double F1(ReadOnlySpan<int> predicted, ReadOnlySpan<int> actual)
    {
        var (truePositive, falsePositive, falseNegative, _) = Confusion(predicted, actual);
        double denominator = (2 * truePositive) + falsePositive + falseNegative;
        return denominator == 0 ? 0 : 2 * truePositive / denominator;
    }

    /// <summary>Pearson correlation.</summary>
    public static double Pearson(ReadOnlySpan<double> predicted, ReadOnlySpan<double> actual)
    {
        RequirePairs(predicted.Length, actual.Length);
        if (IsConstant(predicted) || IsConstant(actual))
        {
            return 0; // asked before the sums: rounding of the mean would make a constant look as if it varied
        }

        double meanX = Mean(predicted), meanY = Mean(actual), xy = 0, xx = 0, yy = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double x = predicted[i] - meanX, y = actual[i] - meanY;
            xy += x * y;
            xx += x * x;
            yy += y * y;
        }

        return xx == 0 || yy == 0 ? 0 : Math.Clamp(xy / (Math.Sqrt(xx) * Math.Sqrt(yy)), -1, 1);
    }

    /// <summary>Spearman rank correlation: Pearson of the ranks, ties at their average rank.</summary>
    public static double Spearman(ReadOnlySpan<double> predicted, ReadOnlySpan<double> actual) => Pearson(Ranks(predicted), Ranks(actual));

    /// <summary>Ranks from 1, ties at their average rank.</summary>
    internal static double[] Ranks(ReadOnlySpan<double> values)
    {
        double[] sorted = values.ToArray();
        int[] order = new int[sorted.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(sorted, order);
        double[] ranks = new double[sorted.Length];
        for (int start = 0, end; start < sorted.Length; start = end)
        {
            for (end = start + 1; end < sorted.Length && sorted[end] == sorted[start]; end++)
            {
            }

            double average = (start + 1 + end) / 2.0; // the mean of start + 1 .. end
            for (int i = start; i < end; i++)
            {
                ranks[order[i]] = average;
            }
        }

        return ranks;
    }

    private static (double TruePositive, double FalsePositive, double FalseNegative, double TrueNegative) Confusion(
        ReadOnlySpan<int> predicted, ReadOnlySpan<int> actual)
    {
        RequirePairs(predicted.Length, actual.Length);
        Span<long> counts = stackalloc long[4];
        counts.Clear();
        for (int i = 0; i < actual.Length; i++)
        {
            if (predicted[i] is not (0 or 1) || actual[i] is not (0 or 1))
            {
                throw new ArgumentException($"A binary metric needs labels 0 and 1, got prediction {predicted[i]} for label {actual[i]} at example {i}.");
            }

            counts[(2 * actual[i]) + predicted[i]]++;
        }

        return (counts[3], counts[1], counts[2], counts[0]);
    }

    private static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        return sum / values.Length;
    }

    private static bool IsConstant(ReadOnlySpan<double> values) => !values[1..].ContainsAnyExcept(values[0]);

    private static void RequirePairs(int predicted, int actual)
    {
        if (actual == 0 || predicted != actual)
        {
            throw new ArgumentException($"A metric needs as many predictions as labels and at least one, got {predicted} predictions for {actual} labels.");
        }
    }
}
