using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace CramGrains.Model.Data.Sources;

/// <summary>Reads UTF-8 text with one paragraph a line and a blank line between documents, in bounded memory.</summary>
internal static class TextDocumentReader
{
    /// <summary>Longer documents are cut at the next end of a paragraph, or within one at twice the length, so that a file without blank lines needs no more memory than others.</summary>
    public const int LongDocumentCharacters = 1 << 20;

    private const int BufferBytes = 1 << 18;

    /// <summary>Streams the documents of one file, paragraphs joined by line feeds.</summary>
    /// <param name="path">The file, plain or compressed.</param>
    /// <param name="report">Told how many bytes of the file were read, now and then.</param>
    /// <exception cref="CorpusException">The text holds a zero byte or is not UTF-8; the message has the offset, after decompression.</exception>
    public static IEnumerable<string> Read(string path, Action<long> report)
    {
        using var stream = CompressedText.Open(path, report);
        var buffer = new byte[BufferBytes];
        var document = new StringBuilder();
        var (offset, held, lineHasText, end) = (0L, 0, false, false);
        while (!end)
        {
            var read = stream.ReadAtLeast(buffer.AsSpan(held), buffer.Length - held, throwOnEndOfStream: false);
            end = held + read < buffer.Length;
            var filled = held + read;
            if (offset == 0)
            {
                CheckEncoding(buffer.AsSpan(0, filled), path);
            }

            var start = offset == 0 && buffer.AsSpan(0, filled).StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
            while (start < filled)
            {
                var length = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n');
                var isWhole = length >= 0 || end;
                if (!isWhole && start > 0)
                {
                    break; // The rest of the line comes with the next buffer.
                }

                // A line longer than the buffer is taken in parts, which end between characters.
                length = length >= 0 ? length : end ? filled - start : WholeCharacters(buffer.AsSpan(start, filled - start));
                var hadText = lineHasText;
                lineHasText |= Append(document, buffer.AsSpan(start, length), continues: hadText, path, offset + start);
                start += length;
                if (!isWhole)
                {
                    if (document.Length >= 2 * LongDocumentCharacters)
                    {
                        yield return document.ToString();
                        document.Clear();
                    }

                    break;
                }

                start = Math.Min(start + 1, filled);
                if ((!lineHasText || document.Length >= LongDocumentCharacters) && document.Length > 0)
                {
                    yield return document.ToString();
                    document.Clear();
                }

                lineHasText = false;
            }

            held = filled - start;
            buffer.AsSpan(start, held).CopyTo(buffer);
            offset += start;
        }

        if (document.Length > 0)
        {
            yield return document.ToString();
        }
    }

    /// <summary>Adds one line, or a part of one, to the document.</summary>
    /// <returns>Whether it held more than white space.</returns>
    private static bool Append(StringBuilder document, ReadOnlySpan<byte> line, bool continues, string path, long offset)
    {
        if (line.IndexOf((byte)0) is >= 0 and var zero)
        {
            throw new CorpusException($"{path}: zero byte at offset {offset + zero}, so this is a binary file; expected UTF-8 text, one paragraph a line. Remove it from the corpus.");
        }

        var chars = ArrayPool<char>.Shared.Rent(line.Length);
        try
        {
            if (Utf8.ToUtf16(line, chars, out var valid, out var written, replaceInvalidSequences: false) != OperationStatus.Done)
            {
                throw new CorpusException(
                    $"{path}: byte 0x{line[valid]:X2} at offset {offset + valid} is not valid UTF-8. Convert the file (for example: iconv -f WINDOWS-1252 -t UTF-8) or remove it.");
            }

            var text = chars.AsSpan(0, written);
            text = continues ? text : text.TrimStart();
            text = text.TrimEnd('\r');
            if (text.IsEmpty || text.IsWhiteSpace())
            {
                return false;
            }

            if (!continues && document.Length > 0)
            {
                document.Append('\n');
            }

            document.Append(text);
            return true;
        }
        finally
        {
            ArrayPool<char>.Shared.Return(chars);
        }
    }

    private static void CheckEncoding(ReadOnlySpan<byte> start, string path)
    {
        if (start is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
        {
            throw new CorpusException($"{path}: starts with the byte order mark of UTF-16; expected UTF-8 text. Convert the file (for example: iconv -f UTF-16 -t UTF-8).");
        }
    }

    private static int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        var length = bytes.Length;
        for (var back = 1; back <= 4 && back <= bytes.Length; back++)
        {
            var b = bytes[^back];
            if ((b & 0xC0) != 0x80)
            {
                var need = b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
                length = need > back ? bytes.Length - back : bytes.Length;
                break;
            }
        }

        return length;
    }
}
