using CramGrains.Model.Data;

namespace CramGrains.Model.Tests.Data;

public sealed class LengthHistogramTests
{
    [Fact]
    public void Percentiles_UniformLengths_AreWithinThreePercent()
    {
        var histogram = new LengthHistogram();
        for (var length = 1; length <= 10_000; length++)
        {
            histogram.Add(length);
        }

        Assert.All(histogram.Percentiles(), pair => Assert.InRange(pair.Value, pair.Key * 97, pair.Key * 100));
    }

    [Fact]
    public void Percentiles_NothingCounted_AreNone() => Assert.Empty(new LengthHistogram().Percentiles());
}
