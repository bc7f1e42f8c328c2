namespace CramGrains.Model.Data.Storage;

/// <summary>The rows of several shards as one; all but the last hold the same number.</summary>
internal sealed class ShardedTokenRows : ITokenRows, IDisposable
{
    private readonly IReadOnlyList<MappedTokenFile> _shards;
    private readonly long _rowsPerShard;

    public ShardedTokenRows(IReadOnlyList<MappedTokenFile> shards)
    {
        _shards = shards;
        _rowsPerShard = shards[0].Count;
        SequenceLength = shards[0].SequenceLength;
        Count = shards.Sum(shard => shard.Count);
    }

    public long Count { get; }

    public int SequenceLength { get; }

    public void CopyRow(long row, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
        _shards[(int)(row / _rowsPerShard)].CopyRow(row % _rowsPerShard, destination);
    }

    public void Dispose()
    {
        foreach (var shard in _shards)
        {
            shard.Dispose();
        }
    }
}
