using CramGrains.Model.Data.Duplicates;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Sources;

/// <summary>A document and where it goes.</summary>
/// <param name="Index">Its place among all documents read.</param>
/// <param name="Text">Paragraphs joined by line feeds.</param>
/// <param name="IsHeldOut">Kept out of training.</param>
/// <param name="Copies">How often it stands in the training rows.</param>
internal readonly record struct SourceDocument(long Index, string Text, bool IsHeldOut, int Copies);

/// <summary>Documents that are worked on together.</summary>
/// <param name="Documents">In source order.</param>
/// <param name="End">Where reading goes on after them.</param>
internal sealed record DocumentBatch(IReadOnlyList<SourceDocument> Documents, DocumentMark End);

/// <summary>A place in the sources, and what was counted up to it.</summary>
/// <param name="File">Index of the file.</param>
/// <param name="DocumentInFile">Documents of it that are behind.</param>
/// <param name="Counts">What was counted.</param>
internal readonly record struct DocumentMark(int File, long DocumentInFile, DocumentCounts Counts);

/// <summary>Documents read, and those that a filter left out; each counts for the first filter that it meets.</summary>
internal record struct DocumentCounts
{
    public long Documents;
    public long TooShort;
    public long ByWeight;
    public long NearDuplicates;
    public long Emptied;
}

/// <summary>All documents of a corpus in source order, filtered, weighted and split; every reading gives the same.</summary>
internal sealed class DocumentStream(CorpusRecipe recipe, IReadOnlyList<SourceFile> files)
{
    private const int BatchCharacters = 1 << 20;
    private const string DefaultField = "text";

    private DocumentCounts _counts;

    /// <summary>Documents read by the last complete reading.</summary>
    public long Documents => _counts.Documents;

    /// <summary>What is left out or cut as a repetition; null until that is known, and where the recipe keeps repetitions.</summary>
    public DuplicateFilter? Duplicates { get; set; }

    /// <summary>Size of all files.</summary>
    public long Bytes { get; } = files.Sum(file => file.Bytes);

    /// <summary>Streams batches of about a million characters.</summary>
    /// <param name="report">Told how many bytes of source were read, now and then.</param>
    /// <param name="start">Where to begin: the end of a batch of an earlier reading.</param>
    public IEnumerable<DocumentBatch> Read(Action<long> report, DocumentMark start = default)
    {
        var batch = new List<SourceDocument>();
        var (characters, end) = (0, start);
        foreach (var (document, mark) in ReadDocuments(report, start))
        {
            end = mark;
            if (document is { } kept)
            {
                batch.Add(kept);
                characters += kept.Text.Length;
            }

            if (characters >= BatchCharacters)
            {
                yield return new DocumentBatch(batch, end);
                batch = [];
                characters = 0;
            }
        }

        // Also where it is empty: its counts matter.
        yield return new DocumentBatch(batch, end);
    }

    private IEnumerable<(SourceDocument? Document, DocumentMark Mark)> ReadDocuments(Action<long> report, DocumentMark start)
    {
        _counts = start.Counts;
        using var cuts = Duplicates?.OpenCuts();
        for (var index = 0; index < files.Count; index++)
        {
            var file = files[index];
            if (index < start.File)
            {
                report(file.Bytes);
                continue;
            }

            var inFile = 0L;
            foreach (var text in Texts(file, report))
            {
                if (inFile++ < (index == start.File ? start.DocumentInFile : 0))
                {
                    continue;
                }

                if (_counts.Documents >= (recipe.MaximumDocuments ?? long.MaxValue))
                {
                    yield break;
                }

                var document = Treat(text, file.Source, cuts);
                yield return (document, new DocumentMark(index, inFile, _counts));
            }
        }
    }

    private SourceDocument? Treat(string text, CorpusSource source, TextCuts? cuts)
    {
        var index = _counts.Documents++;
        var copies = Copies(source.Weight, index);
        var isHeldOut = HeldOutSplit.Contains(index, recipe.HeldOutFraction);
        if (text.Length < recipe.MinimumDocumentCharacters)
        {
            _counts.TooShort++;
            return null;
        }

        if (copies == 0 && !isHeldOut)
        {
            _counts.ByWeight++;
            return null;
        }

        if (Duplicates?.IsNearDuplicate(index) ?? false)
        {
            _counts.NearDuplicates++;
            return null;
        }

        var rest = cuts?.Cut(index, text) ?? text;
        if (rest.Length < text.Length && (rest.Length < recipe.MinimumDocumentCharacters || rest.AsSpan().IsWhiteSpace()))
        {
            _counts.Emptied++;
            return null;
        }

        return new SourceDocument(index, rest, isHeldOut, copies);
    }

    private static IEnumerable<string> Texts(SourceFile file, Action<long> report) => file.Source.Kind switch
    {
        CorpusSourceKind.DotnetReference => DotnetReferenceReader.Read(file.Path, report),
        CorpusSourceKind.JsonLines => JsonLinesReader.Read(file.Path, file.Source.Field ?? DefaultField, report),
        CorpusSourceKind.Parquet or CorpusSourceKind.HuggingFace => ParquetDocumentReader.Read(file.Path, file.Source.Field ?? DefaultField, report),
        CorpusSourceKind.Wikipedia => WikipediaReader.Read(file.Path, report),
        _ => TextDocumentReader.Read(file.Path, report),
    };

    // A weight of 2.3 gives every document twice and three in ten once more.
    private static int Copies(double weight, long index)
    {
        var whole = (int)Math.Floor(weight);
        return whole + (new CounterRandom(0, "weight", (ulong)index).NextDouble() < weight - whole ? 1 : 0);
    }
}
