using System.Runtime.InteropServices;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Duplicates;

/// <summary>Finds documents that nearly repeat an earlier one: signatures on the disk, candidates by locality-sensitive hashing, each candidate compared by its signature.</summary>
/// <remarks>
/// Similar documents form groups, also by way of a third; the first of a group stays. Bands are chosen so that a pair at the wanted similarity becomes a candidate
/// with a probability of at least 0.99. Memory: 16 bytes a document, beside the sorter's; disk: 512 bytes a document and 16 per band.
/// </remarks>
internal sealed class NearDuplicates(NearDuplicateRecipe recipe, string folder, CorpusOptions options)
{
    private const string SignatureFile = "signatures.run";
    private const int SignatureBytes = DocumentSignature.Components * sizeof(uint);

    // Enough to link a group that its first document does not hold together, and no more than linear work on boilerplate.
    private const int ComparedPerBand = 8;

    private readonly List<long> _documents = [];
    private int[] _parents = [];

    /// <summary>Writes one bit per document, set where it goes.</summary>
    /// <returns>How many go.</returns>
    public long Run(DocumentStream documents, string output, ProgressMeter meter, CancellationToken cancellationToken)
    {
        var rows = RowsPerBand(recipe.Similarity);
        var signatures = Path.Combine(folder, SignatureFile);
        using var sorter = new ExternalSorter(folder, "bands", options.SortRecords);
        using (var file = new FileStream(signatures, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
        {
            foreach (var (batch, values) in OrderedParallel.Select(documents.Read(meter.Add), Sign, options.Threads, cancellationToken))
            {
                file.Write(MemoryMarshal.AsBytes(values.AsSpan()));
                for (var i = 0; i < batch.Documents.Count; i++)
                {
                    AddBands(sorter, values.AsSpan(i * DocumentSignature.Components, DocumentSignature.Components), rows, _documents.Count);
                    _documents.Add(batch.Documents[i].Index);
                }
            }
        }

        _parents = [.. Enumerable.Range(0, _documents.Count)];
        using (var file = File.OpenHandle(signatures, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess))
        {
            Link(sorter, file, cancellationToken);
        }

        File.Delete(signatures);
        return Write(output, documents.Documents);
    }

    /// <summary>The most rows per band with which a pair at this similarity still meets in some band with a probability of 0.99.</summary>
    internal static int RowsPerBand(double similarity) => Enumerable.Range(1, 32).Last(rows =>
        1 - Math.Pow(1 - Math.Pow(similarity, rows), DocumentSignature.Components / rows) >= 0.99 || rows == 1);

    private (DocumentBatch Batch, uint[] Values) Sign(DocumentBatch batch)
    {
        var signature = new DocumentSignature(recipe.ShingleWords);
        var values = new uint[batch.Documents.Count * DocumentSignature.Components];
        for (var i = 0; i < batch.Documents.Count; i++)
        {
            signature.Compute(batch.Documents[i].Text, values.AsSpan(i * DocumentSignature.Components, DocumentSignature.Components));
        }

        return (batch, values);
    }

    private static void AddBands(ExternalSorter sorter, ReadOnlySpan<uint> signature, int rows, int ordinal)
    {
        for (var band = 0; band < signature.Length / rows; band++)
        {
            var hash = (ulong)band;
            foreach (var component in signature.Slice(band * rows, rows))
            {
                hash = CounterRandom.Mix(hash + component) * 0x9E3779B97F4A7C15;
            }

            sorter.Add(hash, ordinal);
        }
    }

    private void Link(ExternalSorter sorter, Microsoft.Win32.SafeHandles.SafeFileHandle signatures, CancellationToken cancellationToken)
    {
        var (own, other) = (new uint[DocumentSignature.Components], new uint[DocumentSignature.Components]);
        var group = new List<int>();
        var (key, seen) = (0UL, 0L);
        foreach (var record in sorter.Sorted())
        {
            if (record.Key != key)
            {
                group.Clear();
                key = record.Key;
            }

            if ((++seen & 0xFFFF) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            var ordinal = (int)record.Value;
            var isRead = false;
            foreach (var earlier in group)
            {
                if (RootOf(earlier) == RootOf(ordinal))
                {
                    continue;
                }

                if (!isRead)
                {
                    Load(signatures, ordinal, own);
                    isRead = true;
                }

                Load(signatures, earlier, other);
                if (DocumentSignature.Similarity(own, other) >= recipe.Similarity)
                {
                    Join(earlier, ordinal);
                }
            }

            if (group.Count < ComparedPerBand)
            {
                group.Add(ordinal);
            }
        }
    }

    private static void Load(Microsoft.Win32.SafeHandles.SafeFileHandle file, int ordinal, uint[] signature)
    {
        if (RandomAccess.Read(file, MemoryMarshal.AsBytes(signature.AsSpan()), (long)ordinal * SignatureBytes) != SignatureBytes)
        {
            throw new IOException($"The file of signatures ended before document {ordinal}.");
        }
    }

    private int RootOf(int ordinal)
    {
        while (_parents[ordinal] != ordinal)
        {
            ordinal = _parents[ordinal] = _parents[_parents[ordinal]];
        }

        return ordinal;
    }

    // The earlier document is the root, so that the first of a group is the one that stays.
    private void Join(int a, int b)
    {
        var (first, second) = (RootOf(a), RootOf(b));
        _parents[Math.Max(first, second)] = Math.Min(first, second);
    }

    private long Write(string output, long documents)
    {
        var bits = new byte[(documents + 7) / 8];
        var removed = 0L;
        for (var ordinal = 0; ordinal < _documents.Count; ordinal++)
        {
            if (RootOf(ordinal) != ordinal)
            {
                bits[_documents[ordinal] / 8] |= (byte)(1 << (int)(_documents[ordinal] % 8));
                removed++;
            }
        }

        File.WriteAllBytes(output, bits);
        return removed;
    }
}
