using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CramGrains.Model.Data.Storage;

/// <summary>Rows of a bare file of tokens, read one by one. Unlike a mapped file, it adds nothing to the process's memory, however large it is.</summary>
internal sealed class TokenSpool(string path, int tokenBytes, int sequenceLength, long rows) : ITokenRows, IDisposable
{
    private readonly SafeFileHandle _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);

    public long Count => rows;

    public int SequenceLength => sequenceLength;

    public void CopyRow(long row, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, rows);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, sequenceLength);
        var offset = row * sequenceLength * tokenBytes;
        if (tokenBytes == sizeof(int))
        {
            Read(MemoryMarshal.AsBytes(destination), offset);
            return;
        }

        Span<ushort> narrow = sequenceLength <= 1024 ? stackalloc ushort[sequenceLength] : new ushort[sequenceLength];
        Read(MemoryMarshal.AsBytes(narrow), offset);
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = narrow[i];
        }
    }

    public void Dispose() => _file.Dispose();

    private void Read(Span<byte> bytes, long offset)
    {
        if (RandomAccess.Read(_file, bytes, offset) != bytes.Length)
        {
            throw new IOException($"{path}: ends before byte {offset + bytes.Length}.");
        }
    }
}
