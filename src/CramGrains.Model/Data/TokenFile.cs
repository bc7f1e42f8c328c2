using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data.Storage;

namespace CramGrains.Model.Data;

/// <summary>Rows in one file without a header, little-endian 16-bit ids, the held-out rows first: the same rows for this program and any other. Thread-safe.</summary>
/// <remarks>
/// A program in NumPy reads it with <c>np.fromfile(path, '&lt;u2').reshape(-1, S)</c> and parts it at the number of held-out rows. A file in another order,
/// such as one that the other program shuffles, is read with a row order: a file of row numbers, as <c>order.tofile(path)</c> writes them, of which the first are held out.
/// </remarks>
public sealed class TokenFile : IDisposable
{
    /// <summary>Rows at the front that are kept out of training, unless told otherwise.</summary>
    public const int DefaultHeldOutRows = 2048;

    private readonly MappedTokenFile _file;

    private TokenFile(MappedTokenFile file, string digest, int heldOutRows, long[]? order)
    {
        (_file, Digest) = (file, digest);
        (HeldOut, Training) = (new Part(file, 0, heldOutRows, order), new Part(file, heldOutRows, file.Count - heldOutRows, order));
    }

    /// <summary>SHA-256 over the ids, their order and how they are parted.</summary>
    public string Digest { get; }

    /// <summary>Rows kept out of training.</summary>
    public ITokenRows HeldOut { get; }

    /// <summary>Rows to train on.</summary>
    public ITokenRows Training { get; }

    /// <summary>Opens a file and reads it once through, to name it and to check its ids.</summary>
    /// <param name="path">The ids.</param>
    /// <param name="sequenceLength">Tokens per row (S).</param>
    /// <param name="vocabularySize">Ids are below it.</param>
    /// <param name="heldOutRows">Rows at the front that are kept out of training.</param>
    /// <param name="orderPath">Row numbers, little-endian 32- or 64-bit, each once; null takes the rows as they stand.</param>
    /// <exception cref="CorpusException">A file is missing, cut, or of another kind.</exception>
    public static TokenFile Open(string path, int sequenceLength, int vocabularySize, int heldOutRows = DefaultHeldOutRows, string? orderPath = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(heldOutRows, 1);
        long bytes = File.Exists(path) ? new FileInfo(path).Length : throw new CorpusException($"{path}: missing. Give a file of little-endian 16-bit token ids.");
        long rows = bytes / (2L * sequenceLength);
        if (bytes % (2L * sequenceLength) != 0)
        {
            throw new CorpusException($"{path}: {bytes} bytes, expected a multiple of {2 * sequenceLength}: rows of {sequenceLength} little-endian 16-bit token ids without a header.");
        }

        if (rows <= heldOutRows)
        {
            throw new CorpusException($"{path}: {rows} rows of {sequenceLength} tokens, expected more than the {heldOutRows} that are held out. Give more text, or fewer held-out rows.");
        }

        long[]? order = orderPath is null ? null : ReadOrder(orderPath, rows);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"cramgrains token file 1\n{sequenceLength} {heldOutRows} {order is not null}\n"));
        hash.AppendData(MemoryMarshal.AsBytes(order.AsSpan()));
        HashIds(path, vocabularySize, hash);
        return new(new(path, sizeof(ushort), sequenceLength, rows, 0), Convert.ToHexStringLower(hash.GetHashAndReset()), heldOutRows, order);
    }

    /// <summary>Writes rows as such a file, which appears whole or not at all.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="heldOut">Its first rows go to the front.</param>
    /// <param name="training">All of them follow, in their order.</param>
    /// <param name="heldOutRows">How many held-out rows at most.</param>
    /// <returns>Held-out rows written, and all rows.</returns>
    /// <exception cref="CorpusException">An id needs more than 16 bits.</exception>
    public static (long HeldOut, long Rows) Export(string path, ITokenRows heldOut, ITokenRows training, int heldOutRows = DefaultHeldOutRows)
    {
        ArgumentNullException.ThrowIfNull(heldOut);
        ArgumentNullException.ThrowIfNull(training);
        long held = Math.Min(heldOut.Count, heldOutRows);
        string unfinished = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            DurableFiles.Write(unfinished, stream =>
            {
                Write(stream, heldOut, held, path);
                Write(stream, training, training.Count, path);
            });
            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }

        return (held, held + training.Count);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static void Write(Stream stream, ITokenRows rows, long count, string path)
    {
        int[] ids = new int[rows.SequenceLength];
        byte[] bytes = new byte[2 * ids.Length];
        for (long row = 0; row < count; row++)
        {
            rows.CopyRow(row, ids);
            for (int i = 0; i < ids.Length; i++)
            {
                if (ids[i] is < 0 or > ushort.MaxValue)
                {
                    throw new CorpusException($"{path}: id {ids[i]} needs more than 16 bits. Only corpora whose vocabulary has at most 65,536 entries can be written so.");
                }

                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * i), (ushort)ids[i]);
            }

            stream.Write(bytes);
        }
    }

    private static void HashIds(string path, int vocabularySize, IncrementalHash hash)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        byte[] buffer = new byte[1 << 20];
        int largest = 0;
        for (int read; (read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)) > 0;)
        {
            hash.AppendData(buffer, 0, read);
            foreach (ushort id in MemoryMarshal.Cast<byte, ushort>(buffer.AsSpan(0, read)))
            {
                largest = Math.Max(largest, id);
            }
        }

        if (largest >= vocabularySize)
        {
            throw new CorpusException($"{path}: holds id {largest}, expected ids below the vocabulary's {vocabularySize}. Set corpus.vocabulary_size, or give the file of this vocabulary.");
        }
    }

    private static long[] ReadOrder(string path, long rows)
    {
        byte[] bytes = File.Exists(path) ? File.ReadAllBytes(path) : throw new CorpusException($"{path}: missing. Give a file of row numbers, little-endian 32- or 64-bit.");
        long[] order = bytes.LongLength == 8 * rows ? MemoryMarshal.Cast<byte, long>(bytes).ToArray()
            : bytes.LongLength == 4 * rows ? [.. MemoryMarshal.Cast<byte, int>(bytes).ToArray().Select(row => (long)row)]
            : throw new CorpusException($"{path}: {bytes.LongLength} bytes, expected {4 * rows} or {8 * rows}: one 32- or 64-bit number for each of the {rows} rows.");
        bool[] seen = new bool[rows];
        foreach (long row in order)
        {
            if (row < 0 || row >= rows || seen[row])
            {
                throw new CorpusException($"{path}: row {row} is {(row < 0 || row >= rows ? $"not in 0 to {rows - 1}" : "named twice")}; expected each row once.");
            }

            seen[row] = true;
        }

        return order;
    }

    /// <summary>Some rows of the file.</summary>
    private sealed class Part(ITokenRows file, long first, long count, long[]? order) : ITokenRows
    {
        public long Count => count;

        public int SequenceLength => file.SequenceLength;

        public void CopyRow(long row, Span<int> destination)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(row);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, count);
            file.CopyRow(order is null ? first + row : order[first + row], destination);
        }
    }
}
