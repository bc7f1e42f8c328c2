using System.Runtime.InteropServices;
using System.Text;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Duplicates;

/// <summary>Finds every stretch of N or more bytes that stands earlier in the corpus, within documents and across them; out of core.</summary>
/// <remarks>
/// <para>
/// First reading: of every window of N bytes the piece of N / 2 bytes with the least hash (winnowing, Schleimer et al. 2003). Two equal windows choose pieces
/// with equal hashes, so a window whose pieces all occur once cannot be repeated; that leaves a few percent of ordinary text. Second reading: the hash of each
/// window around the remaining pieces, sorted with its place; all but the first of equal ones are repeated.
/// </para>
/// <para>
/// Differs from the suffix array that the reference calls: no stretch crosses documents, the first occurrence stays, and equality is that of 64-bit hashes
/// (a false cut in 10^9 windows compared has odds of a few percent). Memory: the sorter's and 8 bytes a document; disk: about 16 bytes per N / 4 bytes of text.
/// </para>
/// </remarks>
internal sealed class RepeatedText(RepeatedTextRecipe recipe, string folder, CorpusOptions options)
{
    private readonly int _window = recipe.MinimumBytes;
    private readonly int _piece = recipe.MinimumBytes / 2;

    // Where each document begins among the bytes of all, and which one it is.
    private readonly List<long> _starts = [];
    private readonly List<long> _documents = [];

    /// <summary>Writes the parts to cut, in order.</summary>
    /// <returns>Documents with a part, parts, and their bytes.</returns>
    public (long Documents, long Stretches, long Bytes) Run(DocumentStream documents, string output, ProgressMeter meter, CancellationToken cancellationToken)
    {
        using var candidates = Candidates(documents, meter, cancellationToken);
        meter.Complete();
        using var repeated = Repeated(documents, candidates, meter, cancellationToken);
        return Write(repeated, output);
    }

    /// <summary>The places of pieces whose hash occurs twice or more.</summary>
    private ExternalSorter Candidates(DocumentStream documents, ProgressMeter meter, CancellationToken cancellationToken)
    {
        using var pieces = new ExternalSorter(folder, "pieces", options.SortRecords);
        var total = 0L;
        foreach (var (batch, lengths, found) in OrderedParallel.Select(documents.Read(meter.Add), Winnow, options.Threads, cancellationToken))
        {
            var next = 0;
            for (var i = 0; i < lengths.Length; i++)
            {
                _starts.Add(total);
                _documents.Add(batch.Documents[i].Index);
                for (; next < found.Count && found[next].Document == i; next++)
                {
                    pieces.Add(found[next].Hash, total + found[next].Offset);
                }

                total += lengths[i];
            }
        }

        var candidates = new ExternalSorter(folder, "candidates", options.SortRecords);
        var (first, isFirst) = (default(SortRecord), true);
        var isSeveral = false;
        foreach (var piece in pieces.Sorted())
        {
            if (isFirst || piece.Key != first.Key)
            {
                (first, isFirst, isSeveral) = (piece, false, false);
                continue;
            }

            if (!isSeveral)
            {
                candidates.Add((ulong)first.Value, 0);
                isSeveral = true;
            }

            candidates.Add((ulong)piece.Value, 0);
        }

        return candidates;
    }

    private (DocumentBatch Batch, int[] Lengths, List<(int Document, int Offset, ulong Hash)> Found) Winnow(DocumentBatch batch)
    {
        var found = new List<(int, int, ulong)>();
        var lengths = new int[batch.Documents.Count];
        var winnower = new Winnower(_window, _piece);
        for (var i = 0; i < lengths.Length; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(batch.Documents[i].Text);
            lengths[i] = bytes.Length;
            foreach (var (offset, hash) in winnower.Select(bytes))
            {
                found.Add((i, offset, hash));
            }
        }

        return (batch, lengths, found);
    }

    /// <summary>The places of windows that are not the first with their content.</summary>
    private ExternalSorter Repeated(DocumentStream documents, ExternalSorter candidates, ProgressMeter meter, CancellationToken cancellationToken)
    {
        using var windows = new ExternalSorter(folder, "windows", options.SortRecords);
        foreach (var found in OrderedParallel.Select(WithCandidates(documents, candidates, meter), Hash, options.Threads, cancellationToken))
        {
            foreach (var (place, hash) in found)
            {
                windows.Add(hash, place);
            }
        }

        var repeated = new ExternalSorter(folder, "repeated", options.SortRecords);
        var (key, isFirst) = (0UL, true);
        foreach (var window in windows.Sorted())
        {
            if (!isFirst && window.Key == key)
            {
                repeated.Add((ulong)window.Value, 0);
            }

            (key, isFirst) = (window.Key, false);
        }

        return repeated;
    }

    private IEnumerable<(DocumentBatch Batch, int FirstOrdinal, List<(int Ordinal, int Offset)> Pieces)> WithCandidates(
        DocumentStream documents, ExternalSorter candidates, ProgressMeter meter)
    {
        using var places = candidates.Sorted().GetEnumerator();
        var (ordinal, more) = (0, places.MoveNext());
        foreach (var batch in documents.Read(meter.Add))
        {
            var pieces = new List<(int, int)>();
            var first = ordinal;
            for (; ordinal < first + batch.Documents.Count; ordinal++)
            {
                var end = ordinal + 1 < _starts.Count ? _starts[ordinal + 1] : long.MaxValue;
                for (; more && (long)places.Current.Key < end; more = places.MoveNext())
                {
                    pieces.Add((ordinal, (int)((long)places.Current.Key - _starts[ordinal])));
                }
            }

            yield return (batch, first, pieces);
        }
    }

    private List<(long Place, ulong Hash)> Hash((DocumentBatch Batch, int FirstOrdinal, List<(int Ordinal, int Offset)> Pieces) work)
    {
        var found = new List<(long, ulong)>();
        foreach (var document in work.Pieces.GroupBy(piece => piece.Ordinal))
        {
            var bytes = Encoding.UTF8.GetBytes(work.Batch.Documents[document.Key - work.FirstOrdinal].Text);
            var next = 0;
            foreach (var (_, offset) in document)
            {
                // The windows that hold the piece, those of the pieces before it apart.
                var first = Math.Max(next, offset + _piece - _window);
                next = Math.Min(offset, bytes.Length - _window) + 1;
                if (first < next)
                {
                    RollingHash.Windows(bytes, first, next, _window, (start, hash) => found.Add((_starts[document.Key] + start, hash)));
                }
            }
        }

        return found;
    }

    private (long Documents, long Stretches, long Bytes) Write(ExternalSorter repeated, string output)
    {
        var (documents, stretches, bytes) = (0L, 0L, 0L);
        var (ordinal, start, end, last) = (0, -1L, -1L, -1);
        using var file = new FileStream(output, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        foreach (var window in repeated.Sorted())
        {
            var place = (long)window.Key;
            if (place > end || start < 0 || (ordinal + 1 < _starts.Count && place >= _starts[ordinal + 1]))
            {
                Flush();
                start = place;
                while (ordinal + 1 < _starts.Count && _starts[ordinal + 1] <= place)
                {
                    ordinal++;
                }
            }

            end = place + _window;
        }

        Flush();
        return (documents, stretches, bytes);

        void Flush()
        {
            if (start < 0)
            {
                return;
            }

            var cut = new TextCut(_documents[ordinal], (int)(start - _starts[ordinal]), (int)(end - _starts[ordinal]));
            file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<TextCut>(in cut)));
            documents += ordinal == last ? 0 : 1;
            last = ordinal;
            stretches++;
            bytes += end - start;
        }
    }
}
