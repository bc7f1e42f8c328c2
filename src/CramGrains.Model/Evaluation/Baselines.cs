namespace CramGrains.Model.Evaluation;

/// <summary>What needs no model: the floor that every score stands on.</summary>
public static class Baselines
{
    /// <summary>Scores on dev of always predicting the most frequent training label, or the mean training score for regression.</summary>
    /// <remarks>The untrained model, the other floor, is a fine-tuning without pretrained weights.</remarks>
    public static IReadOnlyList<GlueScore> MajorityClass(GlueData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var scores = new List<GlueScore>();
        foreach (var split in data.Evaluations)
        {
            bool subset = data.Train.IsSubset || split.IsSubset;
            int count = split.Examples.Count;
            scores.AddRange(data.Task.IsRegression
                ? GlueScore.OfValues(data.Task, split, [.. Enumerable.Repeat(MeanScore(data.Train), count)], subset)
                : GlueScore.OfClasses(data.Task, split, [.. Enumerable.Repeat(MajorityLabel(data.Train), count)], subset));
        }

        return scores;
    }

    /// <summary>The most frequent label; of equally frequent ones the smaller, because CountBy keeps no order that could be relied on.</summary>
    internal static int MajorityLabel(GlueSplit train) =>
        train.Examples.CountBy(example => (int)example.Label).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).First().Key;

    /// <summary>The mean score of a regression.</summary>
    internal static double MeanScore(GlueSplit train) => train.Examples.Average(example => example.Label);
}
