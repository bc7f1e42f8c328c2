namespace CramGrains.Model.Data.Duplicates;

/// <summary>Hashes of all windows of one length, each from the one before (Karp and Rabin 1987), modulo 2^64 and mixed.</summary>
internal static class RollingHash
{
    private const ulong Base = 0x9E3779B97F4A7C15;

    /// <summary>Visits the windows that start in [first, end).</summary>
    /// <param name="bytes">The text; every such window lies within it.</param>
    /// <param name="first">The first start.</param>
    /// <param name="end">One past the last start.</param>
    /// <param name="length">Bytes per window.</param>
    /// <param name="visit">Receives each start and the hash of its window.</param>
    public static void Windows(ReadOnlySpan<byte> bytes, int first, int end, int length, Action<int, ulong> visit)
    {
        var (hash, oldest) = (0UL, 1UL);
        for (var i = 0; i < length; i++)
        {
            hash = (hash * Base) + bytes[first + i] + 1;
            oldest *= Base;
        }

        for (var start = first; ; start++)
        {
            visit(start, CounterRandom.Mix(hash));
            if (start + 1 >= end)
            {
                return;
            }

            hash = (hash * Base) + bytes[start + length] + 1 - ((bytes[start] + 1UL) * oldest);
        }
    }
}
