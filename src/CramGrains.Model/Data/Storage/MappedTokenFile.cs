using System.IO.MemoryMappedFiles;

namespace CramGrains.Model.Data.Storage;

/// <summary>Rows of tokens in one memory-mapped file.</summary>
internal sealed class MappedTokenFile : ITokenRows, IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly int _tokenBytes;
    private readonly long _firstByte;

    public MappedTokenFile(string path, int tokenBytes, int sequenceLength, long rows, long firstByte)
    {
        (_tokenBytes, SequenceLength, Count, _firstByte) = (tokenBytes, sequenceLength, rows, firstByte);
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, firstByte + (rows * sequenceLength * tokenBytes), MemoryMappedFileAccess.Read);
    }

    public long Count { get; }

    public int SequenceLength { get; }

    public void CopyRow(long row, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, SequenceLength);
        var offset = (ulong)(_firstByte + (row * SequenceLength * _tokenBytes));
        if (_tokenBytes == sizeof(int))
        {
            _view.SafeMemoryMappedViewHandle.ReadSpan(offset, destination);
            return;
        }

        Span<ushort> narrow = SequenceLength <= 1024 ? stackalloc ushort[SequenceLength] : new ushort[SequenceLength];
        _view.SafeMemoryMappedViewHandle.ReadSpan(offset, narrow);
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = narrow[i];
        }
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
