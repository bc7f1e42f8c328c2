using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>What a packer holds between two documents.</summary>
/// <param name="Row">Tokens of the row that is not full.</param>
/// <param name="DocumentsInGroup">Documents of the reference's group so far.</param>
/// <param name="DroppedTokens">Tokens that no row holds.</param>
internal sealed record PackerState(int[] Row, int DocumentsInGroup, long DroppedTokens);

/// <summary>Cuts documents into rows of S tokens. Not thread-safe; documents come in order.</summary>
internal sealed class RowPacker(RowPacking packing, int sequenceLength)
{
    /// <summary>The reference tokenises and cuts this many documents at a time (pretraining_preparation.py, <c>map_setup</c>).</summary>
    public const int ReferenceGroupDocuments = 1024;

    private readonly int[] _row = new int[sequenceLength];
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
        DroppedTokens += _filled;
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
