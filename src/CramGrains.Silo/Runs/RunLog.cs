using System.Globalization;
using System.Text;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Runs;

/// <summary>The file <c>run.log</c> of a run: one line per event, UTC first.</summary>
internal sealed class RunLog(string path)
{
    public const int LargestChunk = 64 * 1024;

    public void Write(DateTimeOffset at, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        file.Write(Line(at, text));
    }

    /// <summary>Whole lines from a byte offset on; a line that is still being written is left for the next time.</summary>
    public LogChunk Read(long cursor)
    {
        if (!File.Exists(path))
        {
            return new LogChunk(cursor, "");
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        long from = Math.Clamp(cursor, 0, file.Length);
        file.Seek(from, SeekOrigin.Begin);
        byte[] bytes = new byte[(int)Math.Min(LargestChunk, file.Length - from)];
        file.ReadExactly(bytes);
        int end = WholeLines(bytes);
        return new LogChunk(from + end, Encoding.UTF8.GetString(bytes, 0, end));
    }

    /// <summary>An event as a line of UTF-8.</summary>
    public static byte[] Line(DateTimeOffset at, string text) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{at.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ} {text.ReplaceLineEndings(" ")}\n"));

    /// <summary>Bytes of a chunk that are whole lines.</summary>
    public static int WholeLines(byte[] chunk)
    {
        int end = chunk.AsSpan().LastIndexOf((byte)'\n') + 1;
        return end == 0 && chunk.Length == LargestChunk ? chunk.Length : end; // one line longer than a chunk: better cut than stuck
    }
}
