using System.Buffers.Binary;

namespace CramGrains.Model.Data.Storage;

/// <summary>The first 64 bytes of a token shard, little endian: magic, version, bytes per token, S, shard number, rows; the rest zero. Rows follow.</summary>
internal readonly record struct TokenShardHeader(int TokenBytes, int SequenceLength, int Shard, long Rows)
{
    public const int Size = 64;

    private const int Version = 1;

    private static ReadOnlySpan<byte> Magic => "CRAMTOKS"u8;

    public long FileBytes => Size + (Rows * SequenceLength * TokenBytes);

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), TokenBytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), SequenceLength);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), Shard);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), Rows);
        return bytes;
    }

    /// <summary>Compares the start of a file with what its manifest promises.</summary>
    /// <exception cref="CorpusException">The file is shorter, longer or another one.</exception>
    public void Check(string path)
    {
        const string Advice = "Delete the corpus folder and prepare it again.";
        var length = File.Exists(path) ? new FileInfo(path).Length : throw new CorpusException($"{path}: missing. {Advice}");
        if (length != FileBytes)
        {
            throw new CorpusException($"{path}: {length} bytes, expected {FileBytes}; it was cut or added to. {Advice}");
        }

        Span<byte> found = stackalloc byte[Size];
        using (var file = File.OpenRead(path))
        {
            file.ReadExactly(found);
        }

        if (!found.StartsWith(Magic))
        {
            throw new CorpusException($"{path}: does not start with CRAMTOKS, so it is no token shard. {Advice}");
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(found[8..]) is not Version and var version)
        {
            throw new CorpusException($"{path}: shard version {version}, expected {Version}. {Advice}");
        }

        if (!found.SequenceEqual(ToBytes()))
        {
            throw new CorpusException($"{path}: its header does not agree with the manifest; one of them was altered. {Advice}");
        }
    }
}
