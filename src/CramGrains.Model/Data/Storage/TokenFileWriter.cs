using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace CramGrains.Model.Data.Storage;

/// <summary>Writes rows of tokens, little endian, behind an optional header, and hashes what it writes.</summary>
internal sealed class TokenFileWriter : IDisposable
{
    private const int BufferBytes = 1 << 18;

    private readonly FileStream _file;
    private readonly IncrementalHash? _hash;
    private readonly int _tokenBytes;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _filled;

    public TokenFileWriter(string path, int tokenBytes, TokenShardHeader? header)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("Token files are little endian and are written as they lie in memory.");
        }

        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1);
        _tokenBytes = tokenBytes;
        if (header is { } first)
        {
            _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            Write(first.ToBytes());
        }
    }

    public long Rows { get; private set; }

    public void WriteRow(ReadOnlySpan<int> row)
    {
        Rows++;
        if (_tokenBytes == sizeof(int))
        {
            Write(MemoryMarshal.AsBytes(row));
            return;
        }

        Span<ushort> narrow = row.Length <= 1024 ? stackalloc ushort[row.Length] : new ushort[row.Length];
        for (var i = 0; i < row.Length; i++)
        {
            narrow[i] = (ushort)row[i];
        }

        Write(MemoryMarshal.AsBytes(narrow));
    }

    /// <summary>Brings everything to the disk itself.</summary>
    /// <returns>SHA-256 of the file, empty where it has no header.</returns>
    public string Complete()
    {
        WriteBuffer();
        _file.Flush(flushToDisk: _hash is not null);
        return _hash is null ? "" : Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash?.Dispose();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var taken = Math.Min(bytes.Length, BufferBytes - _filled);
            bytes[..taken].CopyTo(_buffer.AsSpan(_filled));
            bytes = bytes[taken..];
            _filled += taken;
            if (_filled == BufferBytes)
            {
                WriteBuffer();
            }
        }
    }

    private void WriteBuffer()
    {
        _hash?.AppendData(_buffer.AsSpan(0, _filled));
        _file.Write(_buffer.AsSpan(0, _filled));
        _filled = 0;
    }
}
