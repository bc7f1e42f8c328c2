namespace CramGrains.Model.Data.Duplicates;

/// <summary>Chooses from every window of a text the piece with the least hash; neighbouring windows mostly choose the same. Not thread-safe.</summary>
/// <param name="window">Bytes per window.</param>
/// <param name="piece">Bytes per piece, fewer than a window's.</param>
internal sealed class Winnower(int window, int piece)
{
    private readonly int _pieces = window - piece + 1;
    private ulong[] _hashes = [];

    /// <summary>The chosen pieces by place; none where the text is shorter than a window.</summary>
    public List<(int Offset, ulong Hash)> Select(ReadOnlySpan<byte> bytes)
    {
        var chosen = new List<(int, ulong)>();
        if (bytes.Length < window)
        {
            return chosen;
        }

        var count = bytes.Length - piece + 1;
        if (_hashes.Length < count)
        {
            _hashes = new ulong[Math.Max(count, 2 * _hashes.Length)];
        }

        var hashes = _hashes;
        RollingHash.Windows(bytes, 0, count, piece, (start, hash) => hashes[start] = hash);
        var least = -1;
        for (var first = 0; first + _pieces <= count; first++)
        {
            var last = first + _pieces - 1;
            if (least >= first)
            {
                // Among equal hashes the choice stays where it is, so that a run of one character gives few pieces. Only the hash must agree between equal windows.
                if (hashes[last] >= hashes[least])
                {
                    continue;
                }

                least = last;
            }
            else
            {
                least = first;
                for (var i = first + 1; i <= last; i++)
                {
                    least = hashes[i] < hashes[least] ? i : least;
                }
            }

            chosen.Add((least, hashes[least]));
        }

        return chosen;
    }
}
