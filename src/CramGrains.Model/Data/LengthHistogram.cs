using System.Numerics;

namespace CramGrains.Model.Data;

/// <summary>Counts lengths to six significant bits (3 %), so that any number of documents takes a few kilobytes.</summary>
internal sealed class LengthHistogram
{
    private readonly SortedDictionary<int, long> _counts = [];

    public void Add(int length)
    {
        var shift = Math.Max(0, BitOperations.Log2((uint)Math.Max(1, length)) - 5);
        var bucket = length >> shift << shift;
        _counts[bucket] = _counts.GetValueOrDefault(bucket) + 1;
    }

    /// <summary>The 5th, 25th, 50th, 75th, 95th and 99th percentile, each rounded down by at most 3 %; empty where nothing was counted.</summary>
    public IReadOnlyDictionary<int, int> Percentiles()
    {
        var total = _counts.Values.Sum();
        var percentiles = new SortedDictionary<int, int>();
        foreach (var percent in total == 0 ? [] : new[] { 5, 25, 50, 75, 95, 99 })
        {
            var below = 0L;
            percentiles[percent] = _counts.First(pair => (below += pair.Value) * 100 >= total * percent).Key;
        }

        return percentiles;
    }

    public void Write(BinaryWriter writer)
    {
        writer.Write(_counts.Count);
        foreach (var (bucket, count) in _counts)
        {
            writer.Write(bucket);
            writer.Write(count);
        }
    }

    public void Read(BinaryReader reader)
    {
        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            _counts.Add(reader.ReadInt32(), reader.ReadInt64());
        }
    }
}
