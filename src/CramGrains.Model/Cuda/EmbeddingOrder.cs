namespace CramGrains.Model.Cuda;

/// <summary>Sorts a microbatch's positions by token, on the host, so that the embedding's gradient is summed in a fixed order without atomics.</summary>
/// <remarks>Frequent tokens ([MASK] is a fifth of all) are cut into pieces that different blocks sum.</remarks>
internal sealed class EmbeddingOrder(int vocabulary, int maximumTokens)
{
    /// <summary>Positions that one block sums at most.</summary>
    public const int PieceLength = 64;

    private readonly int[] _next = new int[vocabulary + 1];

    /// <summary>Most pieces that so many positions can give.</summary>
    public static int MaximumPieces(int tokens) => tokens + (tokens / PieceLength) + 1;

    /// <summary>Most pieces of tokens that have several.</summary>
    public static int MaximumPartials(int tokens) => (2 * tokens / PieceLength) + 1;

    /// <summary>Most tokens that have several pieces.</summary>
    public static int MaximumLong(int tokens) => (tokens / PieceLength) + 1;

    /// <summary>Positions sorted by token, stable; the padding token 0 is left out, since its embedding takes no gradient.</summary>
    public int[] Order { get; } = new int[maximumTokens];

    /// <summary>First index into <see cref="Order"/> of each piece, and one past the last piece's end.</summary>
    public int[] Starts { get; } = new int[MaximumPieces(maximumTokens) + 1];

    /// <summary>The piece's token, or -1 - (its row of partial sums) when the token has several pieces.</summary>
    public int[] Targets { get; } = new int[MaximumPieces(maximumTokens)];

    /// <summary>Token, first row of partial sums and number of rows, for each token of several pieces.</summary>
    public int[] Long { get; } = new int[3 * MaximumLong(maximumTokens)];

    public int Pieces { get; private set; }

    public int LongTokens { get; private set; }

    /// <summary>Fills the arrays for these ids.</summary>
    public void Build(ReadOnlySpan<int> ids)
    {
        Array.Clear(_next);
        foreach (int id in ids)
        {
            _next[id + 1]++;
        }

        _next[1] = 0;
        for (int v = 1; v < _next.Length; v++)
        {
            _next[v] += _next[v - 1];
        }

        for (int i = 0; i < ids.Length; i++)
        {
            if (ids[i] != 0)
            {
                Order[_next[ids[i]]++] = i;
            }
        }

        // Each _next[v] now is the end of v's run.
        int pieces = 0, partials = 0, longTokens = 0, start = 0;
        for (int v = 1; v < _next.Length - 1; v++)
        {
            int end = _next[v];
            if (end == start)
            {
                continue;
            }

            int count = (end - start + PieceLength - 1) / PieceLength;
            if (count > 1)
            {
                (Long[3 * longTokens], Long[(3 * longTokens) + 1], Long[(3 * longTokens) + 2]) = (v, partials, count);
                longTokens++;
            }

            for (int k = 0; k < count; k++)
            {
                Starts[pieces] = start + (k * PieceLength);
                Targets[pieces++] = count > 1 ? -1 - partials++ : v;
            }

            start = end;
        }

        Starts[pieces] = start;
        (Pieces, LongTokens) = (pieces, longTokens);
    }

    /// <summary>Writes order, starts, targets, long tokens and the two counts into a host buffer, each at its offset.</summary>
    public void CopyTo(int[] host, ReadOnlySpan<int> offsets)
    {
        Order.AsSpan(0, Pieces > 0 ? Starts[Pieces] : 0).CopyTo(host.AsSpan(offsets[0]));
        Starts.AsSpan(0, Pieces + 1).CopyTo(host.AsSpan(offsets[1]));
        Targets.AsSpan(0, Pieces).CopyTo(host.AsSpan(offsets[2]));
        Long.AsSpan(0, 3 * LongTokens).CopyTo(host.AsSpan(offsets[3]));
        (host[offsets[4]], host[offsets[4] + 1]) = (Pieces, LongTokens);
    }
}
