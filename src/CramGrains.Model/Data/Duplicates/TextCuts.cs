using System.Runtime.InteropServices;
using System.Text;

namespace CramGrains.Model.Data.Duplicates;

/// <summary>Takes parts out of documents that come in order; the parts are read from a file on the way.</summary>
internal sealed class TextCuts(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
    private TextCut? _next;
    private bool _ended;

    /// <summary>The text without its parts.</summary>
    /// <param name="document">At least as large as the last.</param>
    /// <param name="text">Its whole text.</param>
    public string Cut(long document, string text)
    {
        Advance(document);
        if (_next?.Document != document)
        {
            return text;
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        var kept = new StringBuilder(text.Length);
        var position = 0;
        for (; _next is { } cut && cut.Document == document; Read())
        {
            // Inwards to whole characters.
            var start = cut.Start;
            while (start < cut.End && (bytes[start] & 0xC0) == 0x80)
            {
                start++;
            }

            var end = cut.End;
            while (end > start && end < bytes.Length && (bytes[end] & 0xC0) == 0x80)
            {
                end--;
            }

            kept.Append(Encoding.UTF8.GetString(bytes, position, start - position));
            position = end;
        }

        return kept.Append(Encoding.UTF8.GetString(bytes, position, bytes.Length - position)).ToString();
    }

    public void Dispose() => _file.Dispose();

    private void Advance(long document)
    {
        if (_next is null && !_ended)
        {
            Read();
        }

        while (_next is { } cut && cut.Document < document)
        {
            Read();
        }
    }

    private void Read()
    {
        TextCut cut = default;
        _ended = _file.ReadAtLeast(MemoryMarshal.AsBytes(new Span<TextCut>(ref cut)), Marshal.SizeOf<TextCut>(), throwOnEndOfStream: false) < Marshal.SizeOf<TextCut>();
        _next = _ended ? null : cut;
    }
}
