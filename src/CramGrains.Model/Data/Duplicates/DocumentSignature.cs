using System.Numerics;

namespace CramGrains.Model.Data.Duplicates;

/// <summary>MinHash of the word shingles of a text: the part of equal components of two signatures estimates the Jaccard similarity of their shingles.</summary>
/// <remarks>Words are letters and digits in lower case, so that layout, punctuation and case make no difference. Not thread-safe.</remarks>
internal sealed class DocumentSignature(int shingleWords)
{
    public const int Components = 128;

    private static readonly uint[] Multipliers = [.. Enumerable.Range(0, Components).Select(i => (uint)CounterRandom.Mix((ulong)i + 1) | 1)];
    private static readonly uint[] Offsets = [.. Enumerable.Range(0, Components).Select(i => (uint)(CounterRandom.Mix((ulong)i + 1) >> 32))];

    private readonly ulong[] _recent = new ulong[shingleWords];

    /// <summary>Computes the signature of a text.</summary>
    /// <param name="text">Any text; one with fewer words than a shingle counts as one shingle.</param>
    /// <param name="signature">Receives <see cref="Components"/> numbers.</param>
    public void Compute(ReadOnlySpan<char> text, Span<uint> signature)
    {
        signature.Fill(uint.MaxValue);
        var (words, word, inWord) = (0, 0UL, false);
        foreach (var c in text)
        {
            if (char.IsLetterOrDigit(c))
            {
                word = ((inWord ? word : 0) * 0x100000001B3) + char.ToLowerInvariant(c) + 1;
                inWord = true;
            }
            else if (inWord)
            {
                AddWord(word, ref words, signature);
                inWord = false;
            }
        }

        if (inWord)
        {
            AddWord(word, ref words, signature);
        }

        if (words < shingleWords)
        {
            AddShingle(_recent.AsSpan(0, words), 0, signature);
        }
    }

    /// <summary>The estimated similarity of two signatures, in [0, 1].</summary>
    public static double Similarity(ReadOnlySpan<uint> a, ReadOnlySpan<uint> b)
    {
        var equal = 0;
        for (var i = 0; i < a.Length; i++)
        {
            equal += a[i] == b[i] ? 1 : 0;
        }

        return (double)equal / a.Length;
    }

    private void AddWord(ulong word, ref int words, Span<uint> signature)
    {
        _recent[words % shingleWords] = CounterRandom.Mix(word);
        if (++words >= shingleWords)
        {
            AddShingle(_recent, words % shingleWords, signature);
        }
    }

    private static void AddShingle(ReadOnlySpan<ulong> words, int oldest, Span<uint> signature)
    {
        var hash = 0UL;
        for (var i = 0; i < words.Length; i++)
        {
            hash = (hash * 0x9E3779B97F4A7C15) + words[(oldest + i) % words.Length];
        }

        var mixed = new Vector<uint>((uint)(CounterRandom.Mix(hash) >> 32));
        for (var i = 0; i < Components; i += Vector<uint>.Count)
        {
            var permuted = (mixed * new Vector<uint>(Multipliers, i)) + new Vector<uint>(Offsets, i);
            var part = signature.Slice(i, Vector<uint>.Count);
            Vector.Min(permuted, new Vector<uint>(part)).CopyTo(part);
        }
    }
}
