namespace CramGrains.Model.Studies;

/// <summary>Several values of one thing.</summary>
/// <param name="Median">Between the middle two for an even count.</param>
/// <param name="Minimum">Least.</param>
/// <param name="Maximum">Largest.</param>
/// <param name="Deviation">Standard deviation (n - 1); 0 for one.</param>
/// <param name="Count">How many.</param>
public sealed record Spread(double Median, double Minimum, double Maximum, double Deviation, int Count)
{
    /// <summary>Of some values; null for none.</summary>
    public static Spread? Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
        {
            return null;
        }

        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2, mean = sorted.Average();
        double deviation = sorted.Length == 1 ? 0 : Math.Sqrt(sorted.Sum(value => (value - mean) * (value - mean)) / (sorted.Length - 1));
        return new(median, sorted[0], sorted[^1], deviation, sorted.Length);
    }
}
