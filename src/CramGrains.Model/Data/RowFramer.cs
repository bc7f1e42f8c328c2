using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Cuts a long document into full rows as fine-tuning has them: <c>[CLS] a [SEP]</c>, and for a set fraction <c>[CLS] a [SEP] b [SEP]</c> of consecutive segments.</summary>
/// <remarks>
/// No row is padded and none holds two documents. A tail of a quarter row or more becomes a row that begins earlier in the document, so that some of its tokens
/// stand in two rows; a shorter tail is dropped. Which rows are pairs, and where they are cut, follows from their own tokens, so an interrupted preparation needs
/// no state of it. Differs from fine-tuning: segments are cut by length, not at sentences.
/// </remarks>
internal sealed class RowFramer(int sequenceLength, double pairFraction)
{
    private readonly int[] _row = new int[sequenceLength];

    /// <summary>Tokens of a document in a row that holds one segment; shorter documents are not for this class.</summary>
    public int Body { get; } = sequenceLength - 2;

    /// <summary>A part of a document shorter than this is not worth a row.</summary>
    public int ShortestPart => Body / 4;

    /// <summary>Cuts a document of at least <see cref="Body"/> tokens.</summary>
    /// <returns>Tokens of it that no row holds.</returns>
    public int Cut(ReadOnlySpan<int> document, RowPacker.RowSink sink)
    {
        var at = 0;
        while (document.Length - at >= Body)
        {
            at += Frame(document.Slice(at, Body), fromEnd: false, sink);
        }

        var tail = document.Length - at;
        if (tail < ShortestPart)
        {
            return tail;
        }

        if (tail > 0)
        {
            Frame(document[^Body..], fromEnd: true, sink);
        }

        return 0;
    }

    /// <summary>Makes one row of the first or last of <see cref="Body"/> tokens; a pair holds one fewer, for its second separator.</summary>
    private int Frame(ReadOnlySpan<int> tokens, bool fromEnd, RowPacker.RowSink sink)
    {
        var chance = Chance(tokens);
        var isPair = (chance >> 32) < pairFraction * (1L << 32);
        var taken = isPair ? Body - 1 : Body;
        var part = fromEnd ? tokens[^taken..] : tokens[..taken];
        var first = isPair ? taken / 4 + (int)((chance & uint.MaxValue) * (ulong)(taken / 2) >> 32) : taken; // between a quarter and three quarters
        _row[0] = SpecialTokens.Classify;
        part[..first].CopyTo(_row.AsSpan(1));
        _row[first + 1] = SpecialTokens.Separator;
        part[first..].CopyTo(_row.AsSpan(first + 2));
        _row[^1] = SpecialTokens.Separator;
        sink(_row);
        return taken;
    }

    /// <summary>64 evenly spread bits of some tokens.</summary>
    private static ulong Chance(ReadOnlySpan<int> tokens)
    {
        var hash = 0xCBF29CE484222325; // FNV-1a, then the finish of SplitMix64, which spreads it over the upper bits
        foreach (var id in tokens)
        {
            hash = (hash ^ (uint)id) * 0x100000001B3;
        }

        hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9;
        hash = (hash ^ hash >> 27) * 0x94D049BB133111EB;
        return hash ^ hash >> 31;
    }
}
