using CramGrains.Model.Data.Storage;

namespace CramGrains.Model.Tests.Data;

public sealed class ExternalSorterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 10)]
    [InlineData(1, 10)]
    [InlineData(10, 10)]
    [InlineData(11, 10)]
    [InlineData(50_000, 1000)]
    [InlineData(50_000, 100_000)]
    public void Sorted_AnyNumber_IsByKeyAndKeepsTheOrderOfEqualOnes(int count, int memory)
    {
        var random = new Random(count);
        using var sorter = new ExternalSorter(_folder.Path, "x", memory);
        var expected = new List<SortRecord>();
        for (var i = 0; i < count; i++)
        {
            var key = random.Next(3) switch { 0 => (ulong)random.Next(5), 1 => (ulong)random.NextInt64() << 1, _ => ulong.MaxValue - (ulong)random.Next(300) };
            sorter.Add(key, i);
            expected.Add(new SortRecord(key, i));
        }

        Assert.Equal(expected.OrderBy(record => record.Key), sorter.Sorted());
        sorter.Dispose();
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void KeyOf_Numbers_SortsAsTheyDo()
    {
        double[] numbers = [double.NegativeInfinity, double.MinValue, -3.5, -1, -double.Epsilon, 0, double.Epsilon, 0.25, 7, double.MaxValue, double.PositiveInfinity];
        Assert.Equal(numbers, numbers.Reverse().OrderBy(ExternalSorter.KeyOf));
        Assert.Equal(ExternalSorter.KeyOf(0.0), ExternalSorter.KeyOf(-0.0));
    }
}
