namespace CramGrains.Model.Data;

/// <summary>How a corpus is made on this machine; nothing here changes what is made, apart from the size of shards.</summary>
public sealed record CorpusOptions
{
    /// <summary>The installation whose <c>packs</c> are read for <c>dotnet-reference</c>; null takes that of the running runtime.</summary>
    public string? DotnetRoot { get; init; }

    /// <summary>Threads that count words and encode.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Bytes of tokens per shard, at least one row.</summary>
    public long ShardBytes { get; init; } = 256L << 20;

    /// <summary>Clock for rates and for waiting.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
