using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Sources;

/// <summary>A document and where it goes.</summary>
/// <param name="Text">Paragraphs joined by line feeds.</param>
/// <param name="IsHeldOut">Kept out of training.</param>
/// <param name="Copies">How often it stands in the training rows.</param>
internal readonly record struct SourceDocument(string Text, bool IsHeldOut, int Copies);

/// <summary>Documents that are worked on together.</summary>
/// <param name="Documents">In source order.</param>
internal sealed record DocumentBatch(IReadOnlyList<SourceDocument> Documents);

/// <summary>All documents of a corpus in source order, filtered, weighted and split; every reading gives the same.</summary>
internal sealed class DocumentStream(CorpusRecipe recipe, IReadOnlyList<SourceFile> files)
{
    private const int BatchCharacters = 1 << 20;

    /// <summary>Documents read by the last complete reading.</summary>
    public long Documents { get; private set; }

    /// <summary>Size of all files.</summary>
    public long Bytes { get; } = files.Sum(file => file.Bytes);

    /// <summary>Streams batches of about a million characters.</summary>
    /// <param name="report">Told how many bytes of source were read, now and then.</param>
    public IEnumerable<DocumentBatch> Read(Action<long> report)
    {
        var batch = new List<SourceDocument>();
        var characters = 0;
        foreach (var document in ReadDocuments(report))
        {
            batch.Add(document);
            characters += document.Text.Length;
            if (characters >= BatchCharacters)
            {
                yield return new DocumentBatch(batch);
                batch = [];
                characters = 0;
            }
        }

        if (batch.Count > 0)
        {
            yield return new DocumentBatch(batch);
        }
    }

    private IEnumerable<SourceDocument> ReadDocuments(Action<long> report)
    {
        Documents = 0;
        foreach (var file in files)
        {
            var texts = file.Source.Kind switch
            {
                CorpusSourceKind.DotnetReference => DotnetReferenceReader.Read(file.Path, report),
                _ => TextDocumentReader.Read(file.Path, report),
            };
            foreach (var text in texts)
            {
                if (Documents >= (recipe.MaximumDocuments ?? long.MaxValue))
                {
                    yield break;
                }

                var index = Documents++;
                var copies = Copies(file.Source.Weight, index);
                var isHeldOut = HeldOutSplit.Contains(index, recipe.HeldOutFraction);
                if (text.Length >= recipe.MinimumDocumentCharacters && (copies > 0 || isHeldOut))
                {
                    yield return new SourceDocument(text, isHeldOut, copies);
                }
            }
        }
    }

    // A weight of 2.3 gives every document twice and three in ten once more.
    private static int Copies(double weight, long index)
    {
        var whole = (int)Math.Floor(weight);
        return whole + (new CounterRandom(0, "weight", (ulong)index).NextDouble() < weight - whole ? 1 : 0);
    }
}
