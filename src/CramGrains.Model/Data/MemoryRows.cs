using System.Runtime.InteropServices;

namespace CramGrains.Model.Data;

/// <summary>Rows of token ids in memory, for measurements without a corpus.</summary>
public sealed class MemoryRows : ITokenRows
{
    private readonly ushort[] _ids;

    private MemoryRows(ushort[] ids, int sequenceLength) => (_ids, SequenceLength) = (ids, sequenceLength);

    /// <inheritdoc/>
    public long Count => _ids.Length / SequenceLength;

    /// <inheritdoc/>
    public int SequenceLength { get; }

    /// <summary>A file of little-endian uint16 ids without a header, cut into rows.</summary>
    /// <exception cref="CorpusException">It is missing, or its length is no multiple of a row.</exception>
    public static MemoryRows Open(string path, int sequenceLength)
    {
        if (!File.Exists(path))
        {
            throw new CorpusException($"{path}: missing. Give a file of little-endian 16-bit token ids.");
        }

        byte[] bytes = File.ReadAllBytes(path);
        return bytes.Length > 0 && bytes.Length % (2 * sequenceLength) == 0
            ? new(MemoryMarshal.Cast<byte, ushort>(bytes).ToArray(), sequenceLength)
            : throw new CorpusException($"{path}: {bytes.Length} bytes, expected a multiple of {2 * sequenceLength}: rows of {sequenceLength} little-endian 16-bit token ids without a header.");
    }

    /// <summary>Random words, the same for one seed.</summary>
    public static MemoryRows Random(int rows, int sequenceLength, int vocabularySize, int seed)
    {
        var random = new Random(seed);
        var ids = new ushort[rows * sequenceLength];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = (ushort)random.Next(Text.SpecialTokens.FirstWord, vocabularySize);
        }

        return new(ids, sequenceLength);
    }

    /// <inheritdoc/>
    public void CopyRow(long row, Span<int> destination)
    {
        ReadOnlySpan<ushort> from = _ids.AsSpan(checked((int)(row * SequenceLength)), SequenceLength);
        for (int i = 0; i < from.Length; i++)
        {
            destination[i] = from[i];
        }
    }
}
