using System.Runtime.InteropServices;

namespace CramGrains.Client.Rendering;

/// <summary>What a command prints can no longer be written, mostly because <c>head</c> or <c>less</c> has ended. To its callers that is Ctrl-C: nobody looks any more.</summary>
internal sealed class OutputLostException() : OperationCanceledException("Standard output cannot be written any more.");

/// <summary>Standard output that is no terminal. .NET's own passes over a pipe without a reader in silence, so that what follows a run for a day would go on for nobody.</summary>
internal sealed partial class PipedOutput(Stream console) : Stream
{
    private const int StandardOutput = 1;
    private const short Error = 8, HungUp = 16; // POLLERR, POLLHUP: reported whether asked for or not
    private bool _lost;

    /// <summary>Takes the place of <see cref="Console.Out"/>, where that is a pipe or a file.</summary>
    public static void Install()
    {
        if (Console.IsOutputRedirected && !OperatingSystem.IsWindows())
        {
            Console.SetOut(new StreamWriter(new PipedOutput(Console.OpenStandardOutput()), Console.Out.Encoding) { AutoFlush = true });
        }
    }

    /// <inheritdoc />
    public override bool CanRead => false;

    /// <inheritdoc />
    public override bool CanSeek => false;

    /// <inheritdoc />
    public override bool CanWrite => true;

    /// <inheritdoc />
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc />
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Writes; what comes after the first failure is dropped, since a command may still have to tidy up.</summary>
    /// <exception cref="OutputLostException">It cannot be written.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_lost)
        {
            return;
        }

        try
        {
            console.Write(buffer);
            _lost = HasNoReader();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            _lost = true;
            Console.Error.WriteLine($"error: standard output cannot be written: {(problem.InnerException ?? problem).Message}");
        }

        if (_lost)
        {
            throw new OutputLostException();
        }
    }

    /// <inheritdoc />
    public override void Flush()
    {
    }

    /// <inheritdoc />
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void SetLength(long value) => throw new NotSupportedException();

    private static bool HasNoReader()
    {
        var output = new Polled { Descriptor = StandardOutput };
        return Poll(ref output, 1, 0) > 0 && (output.Seen & (Error | HungUp)) != 0;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref Polled file, nuint count, int milliseconds);

    private struct Polled
    {
        public int Descriptor;
        public short Wanted;
        public short Seen;
    }
}
