using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>What a packer holds between two documents.</summary>
/// <param name="Row">Tokens of the row that is not full.</param>
/// <param name="DocumentsInGroup">Documents of the reference's group so far.</param>
/// <param name="DroppedTokens">Tokens that no row holds.</param>
internal sealed record PackerState(int[] Row, int DocumentsInGroup, long DroppedTokens);

/// <summary>Cuts documents into rows of S tokens. Not thread-safe; documents come in order.</summary>
internal sealed class RowPacker(RowPacking packing, int sequenceLength, double pairFraction = 0)
{
    /// <summary>The reference tokenises and cuts this many documents at a time (pretraining_preparation.py, <c>map_setup</c>).</summary>
    public const int ReferenceGroupDocuments = 1024;

    private readonly int[] _row = new int[sequenceLength];
    private readonly RowFramer _framer = new(sequenceLength, pairFraction);
    private int _filled;
    private int _documentsInGroup;

    /// <summary>Receives each complete row; the span is reused.</summary>
    public delegate void RowSink(ReadOnlySpan<int> row);

    /// <summary>Tokens of documents, separators included, that no row holds.</summary>
    public long DroppedTokens { get; private set; }

    /// <summary>Adds one document.</summary>
    /// <param name="ids">Its ids without special tokens; an empty document adds nothing.</param>
    /// <param name="sink">Receives the rows that it completes.</param>
    public void Add(ReadOnlySpan<int> ids, RowSink sink)
    {
        if (packing == RowPacking.WithinDocument)
        {
            AddAlone(ids, sink);
            return;
        }

        if (packing == RowPacking.Framed)
        {
            if (ids.Length >= _framer.Body)
            {
                DroppedTokens += _framer.Cut(ids, sink);
            }
            else
            {
                Join(ids, sink);
            }

            return;
        }

        if (!ids.IsEmpty)
        {
            Append(ids, sink);
            Append([SpecialTokens.Separator], sink);
        }

        if (packing == RowPacking.ReferenceGroups && ++_documentsInGroup == ReferenceGroupDocuments)
        {
            Complete();
        }
    }

    /// <summary>Drops the incomplete row at the end of the documents or of a group.</summary>
    public void Complete()
    {
        DroppedTokens += packing == RowPacking.Framed ? _filled - SpecialTokens.CountFrame(_row.AsSpan(0, _filled)) : _filled;
        _filled = 0;
        _documentsInGroup = 0;
    }

    public PackerState State() => new(_row[.._filled], _documentsInGroup, DroppedTokens);

    public void Restore(PackerState state)
    {
        state.Row.CopyTo(_row, 0);
        (_filled, _documentsInGroup, DroppedTokens) = (state.Row.Length, state.DocumentsInGroup, state.DroppedTokens);
    }

    private void Append(ReadOnlySpan<int> ids, RowSink sink)
    {
        while (!ids.IsEmpty)
        {
            var taken = Math.Min(ids.Length, sequenceLength - _filled);
            ids[..taken].CopyTo(_row.AsSpan(_filled));
            ids = ids[taken..];
            _filled += taken;
            if (_filled == sequenceLength)
            {
                sink(_row);
                _filled = 0;
            }
        }
    }

    /// <summary>Puts a short document after the one before it, <c>[SEP]</c> between them; what the row's end cuts off begins the next row, if it is worth it.</summary>
    private void Join(ReadOnlySpan<int> ids, RowSink sink)
    {
        while (!ids.IsEmpty)
        {
            if (_filled == 0)
            {
                _row[_filled++] = SpecialTokens.Classify;
            }

            // One place is kept for the separator; where no other is left, the row ends with two of them.
            var taken = Math.Min(ids.Length, sequenceLength - 1 - _filled);
            ids[..taken].CopyTo(_row.AsSpan(_filled));
            _filled += taken;
            _row[_filled++] = SpecialTokens.Separator;
            ids = ids[taken..];
            if (_filled < sequenceLength)
            {
                return;
            }

            sink(_row);
            _filled = 0;
            if (taken > 0 && ids.Length < _framer.ShortestPart)
            {
                DroppedTokens += ids.Length;
                return;
            }
        }
    }

    private void AddAlone(ReadOnlySpan<int> ids, RowSink sink)
    {
        var body = sequenceLength - 2;
        for (; !ids.IsEmpty; ids = ids[Math.Min(body, ids.Length)..])
        {
            var part = ids[..Math.Min(body, ids.Length)];
            if (part.Length < body / 4)
            {
                // Mostly padding: dearer to train on than it is worth.
                DroppedTokens += part.Length;
                return;
            }

            _row.AsSpan().Clear(); // [PAD] is 0.
            _row[0] = SpecialTokens.Classify;
            part.CopyTo(_row.AsSpan(1));
            _row[part.Length + 1] = SpecialTokens.Separator;
            sink(_row);
        }
    }
}
