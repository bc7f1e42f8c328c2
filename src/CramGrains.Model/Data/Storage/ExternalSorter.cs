using System.Runtime.InteropServices;

namespace CramGrains.Model.Data.Storage;

/// <summary>What is sorted: a key, and what it belongs to.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SortRecord(ulong Key, long Value) : IComparable<SortRecord>
{
    public int CompareTo(SortRecord other) => Key != other.Key ? Key.CompareTo(other.Key) : Value.CompareTo(other.Value);
}

/// <summary>Sorts any number of records in bounded memory: runs on the disk, merged while they are read. Records of one key keep the order in which they came.</summary>
/// <remarks>A record is 16 bytes; memory is twice that for <paramref name="memoryRecords"/>. Not thread-safe.</remarks>
/// <param name="folder">Holds the runs.</param>
/// <param name="name">What the runs are called, one name per sorter of a folder.</param>
/// <param name="memoryRecords">Records that are sorted at a time.</param>
internal sealed class ExternalSorter(string folder, string name, int memoryRecords = ExternalSorter.DefaultMemoryRecords) : IDisposable
{
    public const int DefaultMemoryRecords = 4 << 20;

    private const int BufferRecords = 1 << 14;

    private readonly List<string> _runs = [];
    private SortRecord[] _records = new SortRecord[Math.Min(memoryRecords, 1 << 12)];
    private SortRecord[] _scratch = [];
    private int _held;

    /// <summary>Records added.</summary>
    public long Count { get; private set; }

    public void Add(ulong key, long value)
    {
        if (_held == _records.Length)
        {
            if (_held >= memoryRecords)
            {
                Spill();
            }
            else
            {
                Array.Resize(ref _records, (int)Math.Min(2L * _held, memoryRecords));
            }
        }

        _records[_held++] = new SortRecord(key, value);
        Count++;
    }

    /// <summary>All records by key; to be read once, after the last was added.</summary>
    public IEnumerable<SortRecord> Sorted()
    {
        if (_runs.Count == 0)
        {
            SortHeld();
            for (var i = 0; i < _held; i++)
            {
                yield return _records[i];
            }

            yield break;
        }

        Spill();
        (_records, _scratch) = ([], []);
        var readers = _runs.Select(Read).Select(run => run.GetEnumerator()).ToList();
        try
        {
            // By key, then by run: an earlier run holds what came earlier.
            var heads = new PriorityQueue<IEnumerator<SortRecord>, (ulong Key, int Run)>();
            for (var run = 0; run < readers.Count; run++)
            {
                Queue(heads, readers[run], run);
            }

            while (heads.TryDequeue(out var reader, out var place))
            {
                yield return reader.Current;
                Queue(heads, reader, place.Run);
            }
        }
        finally
        {
            readers.ForEach(reader => reader.Dispose());
        }
    }

    /// <summary>Deletes the runs.</summary>
    public void Dispose() => _runs.ForEach(File.Delete);

    /// <summary>Maps a number to a key that sorts as it does; NaN last.</summary>
    public static ulong KeyOf(double value)
    {
        var bits = BitConverter.DoubleToUInt64Bits(value + 0.0); // -0 becomes 0
        return (bits & (1UL << 63)) != 0 ? ~bits : bits | (1UL << 63);
    }

    private static void Queue(PriorityQueue<IEnumerator<SortRecord>, (ulong Key, int Run)> heads, IEnumerator<SortRecord> reader, int run)
    {
        if (reader.MoveNext())
        {
            heads.Enqueue(reader, (reader.Current.Key, run));
        }
    }

    private static IEnumerable<SortRecord> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        var buffer = new SortRecord[BufferRecords];
        while (file.ReadAtLeast(MemoryMarshal.AsBytes(buffer.AsSpan()), BufferRecords * 16, throwOnEndOfStream: false) / 16 is > 0 and var read)
        {
            for (var i = 0; i < read; i++)
            {
                yield return buffer[i];
            }
        }
    }

    private void Spill()
    {
        SortHeld();
        var path = Path.Combine(folder, $"{name}-{_runs.Count:D5}.run");
        _runs.Add(path);
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1);
        for (var first = 0; first < _held; first += 1 << 20)
        {
            file.Write(MemoryMarshal.AsBytes(_records.AsSpan(first, Math.Min(1 << 20, _held - first))));
        }

        _held = 0;
    }

    /// <summary>Radix sort by the bytes of the key, lowest first; stable, and a byte that all keys share costs only its count.</summary>
    private void SortHeld()
    {
        if (_scratch.Length < _held)
        {
            _scratch = new SortRecord[_records.Length];
        }

        var counts = new int[256];
        for (var shift = 0; shift < 64; shift += 8)
        {
            Array.Clear(counts);
            for (var i = 0; i < _held; i++)
            {
                counts[(byte)(_records[i].Key >> shift)]++;
            }

            if (_held == 0 || counts[(byte)(_records[0].Key >> shift)] == _held)
            {
                continue;
            }

            var next = 0;
            for (var b = 0; b < 256; b++)
            {
                (counts[b], next) = (next, next + counts[b]);
            }

            for (var i = 0; i < _held; i++)
            {
                _scratch[counts[(byte)(_records[i].Key >> shift)]++] = _records[i];
            }

            (_records, _scratch) = (_scratch, _records);
        }
    }
}
