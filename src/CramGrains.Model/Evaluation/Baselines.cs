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
            if (data.Task.IsRegression)
            {
                double mean = data.Train.Examples.Average(example => example.Label);
                scores.AddRange(GlueScore.OfValues(data.Task, split, [.. Enumerable.Repeat(mean, split.Examples.Count)], subset));
            }
            else
            {
                // Ties go to the smaller label: CountBy keeps no order that could be relied on.
                var counts = data.Train.Examples.CountBy(example => (int)example.Label);
                int majority = counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).First().Key;
                scores.AddRange(GlueScore.OfClasses(data.Task, split, [.. Enumerable.Repeat(majority, split.Examples.Count)], subset));
            }
        }

        return scores;
    }
}
