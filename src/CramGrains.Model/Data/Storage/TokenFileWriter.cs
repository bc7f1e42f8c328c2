using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace CramGrains.Model.Data.Storage;

/// <summary>Writes rows of tokens, little endian, into shards, which have a header and a checksum, or into bare files.</summary>
internal sealed class TokenFileWriter : IDisposable
{
    private const int BufferBytes = 1 << 18;

    private readonly FileStream _file;
    private readonly IncrementalHash? _hash;
    private readonly int _tokenBytes;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _filled;

    /// <summary>Begins a shard, whose content is hashed on the way.</summary>
    public TokenFileWriter(string path, TokenShardHeader header)
        : this(path, header.TokenBytes, FileMode.Create)
    {
        _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Write(header.ToBytes());
    }

    /// <summary>Goes on with a file of bare rows; what lies behind the first <paramref name="rows"/> of them is cut off.</summary>
    public TokenFileWriter(string path, int tokenBytes, long rows, int sequenceLength)
        : this(path, tokenBytes, FileMode.OpenOrCreate)
    {
        Rows = rows;
        _file.SetLength(rows * sequenceLength * tokenBytes);
        _file.Seek(0, SeekOrigin.End);
    }

    private TokenFileWriter(string path, int tokenBytes, FileMode mode)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("Token files are little endian and are written as they lie in memory.");
        }

        _file = new FileStream(path, mode, FileAccess.Write, FileShare.None, 1);
        _tokenBytes = tokenBytes;
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
    public void Flush()
    {
        WriteBuffer();
        _file.Flush(flushToDisk: true);
    }

    /// <summary>Ends a shard.</summary>
    /// <returns>SHA-256 of the file.</returns>
    public string Complete()
    {
        Flush();
        return Convert.ToHexStringLower(_hash!.GetHashAndReset());
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
