using CramGrains.Model.Data.Downloads;
using CramGrains.Model.Data.Storage;

namespace CramGrains.Model.Data;

/// <summary>How a corpus is made on this machine; nothing here changes what is made, apart from the size of shards and the GLUE files to keep out.</summary>
public sealed record CorpusOptions
{
    /// <summary>The installation whose <c>packs</c> are read for <c>dotnet-reference</c>; null takes that of the running runtime.</summary>
    public string? DotnetRoot { get; init; }

    /// <summary>Official GLUE files whose sentences are looked for as the recipe's decontamination says; null looks for none.</summary>
    public string? GlueFolder { get; init; }

    /// <summary>How sources on the network are fetched; they are kept beside the corpora where it names no other cache.</summary>
    public DownloadOptions Downloads { get; init; } = new();

    /// <summary>Threads that count words and encode.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Bytes of tokens per shard, at least one row.</summary>
    public long ShardBytes { get; init; } = 256L << 20;

    /// <summary>Clock for rates and for waiting.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Records sorted in memory at a time, 32 bytes each.</summary>
    internal int SortRecords { get; init; } = ExternalSorter.DefaultMemoryRecords;

    /// <summary>Characters of text after which encoding notes where it stands; what came after the last note is done again after an interruption.</summary>
    internal long JournalCharacters { get; init; } = 128L << 20;

    /// <summary>Distinct words held in memory while they are counted, over all threads.</summary>
    internal int HeldWords { get; init; } = 3_000_000;

    /// <summary>The most frequent words that a vocabulary is trained on.</summary>
    internal int TrainedWords { get; init; } = 3_000_000;
}
