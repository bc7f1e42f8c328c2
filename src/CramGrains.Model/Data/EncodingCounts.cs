using CramGrains.Model.Data.Sources;

namespace CramGrains.Model.Data;

/// <summary>What encoding counts on its way; saved with every note of where it stands.</summary>
internal sealed class EncodingCounts(int vocabularySize)
{
    private const int CompressibilitySteps = 50;

    private readonly long[] _tokens = new long[vocabularySize];
    private readonly long[] _compressibility = new long[CompressibilitySteps];

    /// <summary>Counts of the sources, up to the last document encoded.</summary>
    public DocumentCounts Source { get; set; }

    /// <summary>How often each id occurs in the training rows.</summary>
    public IReadOnlyList<long> Tokens => _tokens;

    /// <summary>Documents by tokens per character, in steps of 0.02.</summary>
    public IReadOnlyList<long> Compressibility => _compressibility;

    /// <summary>Tokens of the documents that were kept.</summary>
    public LengthHistogram DocumentTokens { get; } = new();

    public bool IsComplete { get; set; }

    public long TrainingRows { get; set; }

    public long HeldOutRows { get; set; }

    public long KeptDocuments { get; set; }

    public long HeldOutDocuments { get; set; }

    public long Characters { get; set; }

    public long TextTokens { get; set; }

    public long UnknownTokens { get; set; }

    public long DroppedTokens { get; set; }

    public long Contaminated { get; set; }

    public long NoText { get; set; }

    public long Trash { get; set; }

    public CorpusFiltered Filtered => new(Source.TooShort, Source.ByWeight, Source.NearDuplicates, Source.Emptied, Contaminated, NoText, Trash);

    public void CountTokens(ReadOnlySpan<int> row)
    {
        foreach (var id in row)
        {
            _tokens[id]++;
        }
    }

    public void CountCompressibility(int tokens, int characters) =>
        _compressibility[Math.Min(CompressibilitySteps - 1, (int)((long)tokens * CompressibilitySteps / Math.Max(1, characters)))]++;

    public void Write(BinaryWriter writer)
    {
        writer.Write(IsComplete);
        foreach (var count in Scalars())
        {
            writer.Write(count);
        }

        foreach (var count in _tokens.Concat(_compressibility))
        {
            writer.Write(count);
        }

        DocumentTokens.Write(writer);
    }

    public static EncodingCounts Read(BinaryReader reader, int vocabularySize)
    {
        var counts = new EncodingCounts(vocabularySize) { IsComplete = reader.ReadBoolean() };
        var source = new DocumentCounts
        {
            Documents = reader.ReadInt64(), TooShort = reader.ReadInt64(), ByWeight = reader.ReadInt64(), NearDuplicates = reader.ReadInt64(), Emptied = reader.ReadInt64(),
        };
        counts.Source = source;
        (counts.TrainingRows, counts.HeldOutRows, counts.KeptDocuments) = (reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
        (counts.HeldOutDocuments, counts.Characters, counts.UnknownTokens) = (reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
        (counts.DroppedTokens, counts.Contaminated, counts.NoText, counts.Trash) = (reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
        counts.TextTokens = reader.ReadInt64();
        foreach (var list in new[] { counts._tokens, counts._compressibility })
        {
            for (var i = 0; i < list.Length; i++)
            {
                list[i] = reader.ReadInt64();
            }
        }

        counts.DocumentTokens.Read(reader);
        return counts;
    }

    private long[] Scalars() =>
    [
        Source.Documents, Source.TooShort, Source.ByWeight, Source.NearDuplicates, Source.Emptied, TrainingRows, HeldOutRows, KeptDocuments,
        HeldOutDocuments, Characters, UnknownTokens, DroppedTokens, Contaminated, NoText, Trash, TextTokens,
    ];
}
