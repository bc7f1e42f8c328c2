using ICSharpCode.SharpZipLib.GZip;
using SharpCompress.Compressors;
using SharpCompress.Compressors.BZip2;
using SharpCompress.Compressors.Xz;
using ZstdSharp;

namespace CramGrains.Model.Data.Sources;

/// <summary>Opens a file as the bytes that it was before it was compressed, in bounded memory. What a file is shows in its first bytes, not in its name.</summary>
internal static class CompressedText
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Endings that promise a compressed file.</summary>
    public static readonly IReadOnlyList<string> Endings = [".gz", ".zst", ".bz2", ".xz"];

    /// <summary>Opens a file.</summary>
    /// <param name="path">Plain, gzip, Zstandard, bzip2 or xz.</param>
    /// <param name="report">Told how many bytes of the file itself were read, now and then.</param>
    /// <exception cref="CorpusException">The name promises a compression that the file does not have. A file that is cut or altered throws while it is read.</exception>
    public static Stream Open(string path, Action<long> report)
    {
        var file = new CountedFile(path, report);
        try
        {
            Span<byte> start = stackalloc byte[10];
            start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            file.Rewind();
            var ending = Path.GetExtension(path);
            var found = EndingOf(start);
            if (Endings.Contains(ending) && found != ending && start.Length > 0)
            {
                throw new CorpusException(
                    $"{path}: the name ends in {ending}, but the content is {(found is null ? "not compressed that way" : $"compressed as {found}")}. "
                    + "It may be an error page that was saved under this name. Fetch it again, or rename it.");
            }

            return found is null ? file : new CheckedDecompression(path, () => Decompress(found, file), file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Stream Decompress(string ending, CountedFile file) => ending switch
    {
        ".gz" => new GZipInputStream(file, BufferBytes) { IsStreamOwner = false },
        ".zst" => new DecompressionStream(file, BufferBytes),
        ".bz2" => BZip2Stream.Create(new BufferedStream(file, BufferBytes), CompressionMode.Decompress, decompressConcatenated: true, leaveOpen: true),
        _ => new ConcatenatedXz(file),
    };

    private static string? EndingOf(ReadOnlySpan<byte> start) => start switch
    {
        [0x1F, 0x8B, ..] => ".gz",
        [0x28, 0xB5, 0x2F, 0xFD, ..] => ".zst",
        [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] => ".xz",
        // "BZh9" could begin a text; the block's or the end's mark after it cannot.
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59] => ".bz2",
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90] => ".bz2",
        _ => null,
    };

    /// <summary>The file, counting what is read of it.</summary>
    private sealed class CountedFile(string path, Action<long> report) : ReadOnlyStream
    {
        private readonly FileStream _file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);

        public override bool CanSeek => true;

        public override long Length => _file.Length;

        public override long Position
        {
            get => _file.Position;
            set => _file.Position = value;
        }

        public void Rewind() => _file.Position = 0;

        public override long Seek(long offset, SeekOrigin origin) => _file.Seek(offset, origin);

        public override int Read(Span<byte> buffer)
        {
            var before = _file.Position;
            var read = _file.Read(buffer);
            if (before > 0 || read > 10)
            {
                report(read);
            }

            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _file.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    /// <summary>Several xz streams in one file, as <c>cat a.xz b.xz</c> and some dump tools make them.</summary>
    private sealed class ConcatenatedXz(CountedFile file) : ReadOnlyStream
    {
        private readonly BufferedStream _source = new(file, BufferBytes);
        private XZStream? _current;

        public override int Read(Span<byte> buffer)
        {
            while (true)
            {
                if (_current is null)
                {
                    if (_source.Position >= _source.Length)
                    {
                        return 0;
                    }

                    _current = new XZStream(_source);
                }

                if (_current.Read(buffer) is > 0 and var read)
                {
                    return read;
                }

                _current = null; // Disposing of it would close the file.
            }
        }
    }

    /// <summary>Names the file when its content is damaged; the libraries know only the stream.</summary>
    private sealed class CheckedDecompression(string path, Func<Stream> open, CountedFile file) : ReadOnlyStream
    {
        private Stream? _content;

        public override int Read(Span<byte> buffer)
        {
            try
            {
                _content ??= open(); // Some read the first block at once.
                return _content.Read(buffer);
            }
            catch (Exception problem) when (problem is not OperationCanceledException)
            {
                throw new CorpusException(
                    $"{path}: the compressed data is cut or damaged near byte {file.Position} of {file.Length}: {problem.Message} Fetch the file again.", problem);
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _content?.Dispose();
                file.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
