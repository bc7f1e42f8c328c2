using System.Runtime.CompilerServices;

namespace CramGrains.Model.Text;

/// <summary>Ids of the words met so far: words of up to 16 ASCII characters are their own key and lie with their ids in one line of memory. Not thread-safe.</summary>
/// <remarks>A lookup is what encoding mostly does. In a dictionary of strings it touches four places of memory, here one; longer and other words are the few that take the dictionary.</remarks>
internal sealed class WordCache
{
    private const int LongestKey = 16;
    private const int InlineIds = 3;
    private const int MaximumLongWords = 50_000;
    private const int LongestLongWord = 64;

    // Natural text repeats itself: so many words cover about 99 % of it. Twice as many places as words, 32 bytes each: 16 MB.
    private const int MaximumWords = 250_000;
    private const int FirstPlaces = 1 << 12;

    private readonly Dictionary<string, int[]> _longWords = new(StringComparer.Ordinal);
    private readonly List<int> _manyIds = [];
    private Entry[] _entries = new Entry[FirstPlaces];
    private int _count;

    /// <summary>Adds the ids of a word, if it is known.</summary>
    public bool TryAppend(ReadOnlySpan<char> word, List<int> ids)
    {
        if (!TryKey(word, out var low, out var high))
        {
            if (!_longWords.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out var known))
            {
                return false;
            }

            ids.AddRange(known);
            return true;
        }

        ref var entry = ref Find(_entries, low, high);
        switch (entry.Count)
        {
            case 0:
                return false;
            case 1:
                ids.Add(entry.Id0);
                return true;
            case <= InlineIds:
                ids.Add(entry.Id0);
                ids.Add(entry.Id1);
                if (entry.Count == InlineIds)
                {
                    ids.Add(entry.Id2);
                }

                return true;
            default:
                for (var i = 0; i < entry.Count; i++)
                {
                    ids.Add(_manyIds[entry.Id0 + i]);
                }

                return true;
        }
    }

    /// <summary>Remembers a word that is not known yet, while there is room.</summary>
    public void Add(ReadOnlySpan<char> word, int[] ids)
    {
        if (!TryKey(word, out var low, out var high))
        {
            if (_longWords.Count < MaximumLongWords && word.Length <= LongestLongWord)
            {
                _longWords.Add(word.ToString(), ids);
            }

            return;
        }

        if (_count == MaximumWords || ids.Length == 0)
        {
            return;
        }

        if (++_count * 2 > _entries.Length)
        {
            Grow();
        }

        ref var entry = ref Find(_entries, low, high);
        entry = new Entry { Low = low, High = high, Count = ids.Length };
        if (ids.Length > InlineIds)
        {
            entry.Id0 = _manyIds.Count;
            _manyIds.AddRange(ids);
            return;
        }

        (entry.Id0, entry.Id1, entry.Id2) = (ids[0], ids.Length > 1 ? ids[1] : 0, ids.Length > 2 ? ids[2] : 0);
    }

    /// <summary>The characters as bytes; they hold no zero, so that the key tells the length too.</summary>
    private static bool TryKey(ReadOnlySpan<char> word, out ulong low, out ulong high)
    {
        (low, high) = (0, 0);
        if (word.Length > LongestKey)
        {
            return false;
        }

        var seen = 0;
        for (var i = 0; i < word.Length; i++)
        {
            int c = word[i];
            seen |= c - 1; // Negative for zero, which no key may hold.
            if (i < sizeof(ulong))
            {
                low |= (ulong)(byte)c << (8 * i);
            }
            else
            {
                high |= (ulong)(byte)c << (8 * (i - sizeof(ulong)));
            }
        }

        return (uint)seen < 0x7F + 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref Entry Find(Entry[] entries, ulong low, ulong high)
    {
        var hash = (low ^ (high * 0xC2B2AE3D27D4EB4F)) * 0x9E3779B97F4A7C15;
        var place = (int)((hash ^ (hash >> 32)) & (ulong)(entries.Length - 1));
        while (entries[place].Count != 0 && (entries[place].Low != low || entries[place].High != high))
        {
            place = (place + 1) & (entries.Length - 1);
        }

        return ref entries[place];
    }

    private void Grow()
    {
        var larger = new Entry[_entries.Length * 2];
        foreach (var entry in _entries)
        {
            if (entry.Count != 0)
            {
                Find(larger, entry.Low, entry.High) = entry;
            }
        }

        _entries = larger;
    }

    /// <summary>One place; free where the count is 0. With more ids than fit, the first is where they lie.</summary>
    private struct Entry
    {
        public ulong Low;
        public ulong High;
        public int Count;
        public int Id0;
        public int Id1;
        public int Id2;
    }
}
