using System.Numerics;

namespace CramGrains.Model.Data;

/// <summary>A seeded permutation of [0, count) that is computed place by place, so that a shuffle of any size needs no memory.</summary>
/// <remarks>A Feistel network over the next even number of bits; values that fall outside are sent through it again until they fall inside.</remarks>
internal readonly struct RowPermutation
{
    private const int Rounds = 6;

    private readonly ulong _key;
    private readonly long _count;
    private readonly int _halfBits;
    private readonly ulong _halfMask;

    public RowPermutation(long count, long seed, string stream, ulong index)
    {
        _count = count;
        _key = CounterRandom.Mix(CounterRandom.StreamKey(seed, stream) + index);
        _halfBits = Math.Max(1, (BitOperations.Log2((ulong)Math.Max(1, count - 1)) + 2) / 2);
        _halfMask = (1UL << _halfBits) - 1;
    }

    /// <summary>Where place <paramref name="place"/> is taken from.</summary>
    public long this[long place]
    {
        get
        {
            var value = (ulong)place;
            do
            {
                value = Encrypt(value);
            }
            while (value >= (ulong)_count);

            return (long)value;
        }
    }

    private ulong Encrypt(ulong value)
    {
        var (left, right) = (value >> _halfBits, value & _halfMask);
        for (var round = 1; round <= Rounds; round++)
        {
            var mixed = CounterRandom.Mix(_key + ((ulong)round * 0x9E3779B97F4A7C15) + (right << 8)) & _halfMask;
            (left, right) = (right, left ^ mixed);
        }

        return (left << _halfBits) | right;
    }
}
