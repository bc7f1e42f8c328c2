namespace CramGrains.Model.Data;

/// <summary>Random numbers as a pure function of (seed, stream, index, how many were drawn): nothing to store in a checkpoint but the index.</summary>
/// <remarks>SplitMix64 (Steele, Lea and Flood 2014) on a key that is mixed from the three.</remarks>
internal struct CounterRandom
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    private ulong _state;

    /// <summary>Starts the numbers of one index of a named stream.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="stream">What they are for, such as <c>mask</c>.</param>
    /// <param name="index">Which batch, row or document.</param>
    public CounterRandom(long seed, string stream, ulong index)
        : this(StreamKey(seed, stream), index)
    {
    }

    /// <summary>Starts the numbers of one index of a stream whose key is kept.</summary>
    public CounterRandom(ulong streamKey, ulong index) => _state = Mix(streamKey + Mix(index + Gamma));

    /// <summary>The key of a named stream.</summary>
    public static ulong StreamKey(long seed, string stream)
    {
        var hash = 0xCBF29CE484222325; // FNV-1a
        foreach (var c in stream)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }

        return Mix(Mix((ulong)seed + Gamma) ^ hash);
    }

    /// <summary>A number in [0, 2^64).</summary>
    public ulong Next() => Mix(_state += Gamma);

    /// <summary>A number in [0, bound), uneven by less than bound / 2^32.</summary>
    public int Below(int bound) => (int)(((Next() >> 32) * (uint)bound) >> 32);

    /// <summary>A number in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
