using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using CramGrains.Model.Data;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data encode</c>: our ids of a text, line by line, on one thread.</summary>
internal static class DataEncoding
{
    private const ushort EndOfLine = 0xFFFF;

    public static (long Tokens, long Bytes, double Seconds) Run(Corpus corpus, string text, string output)
    {
        if (corpus.Encoder.VocabularySize > EndOfLine)
        {
            throw new CorpusException($"The vocabulary has {corpus.Encoder.VocabularySize} entries, expected at most {EndOfLine}: ids are written in 16 bits, 65535 ends a line.");
        }

        var unfinished = $"{output}.{Guid.NewGuid():N}.tmp";
        try
        {
            var (tokens, encoding) = Write(corpus, text, unfinished);
            File.Move(unfinished, output, overwrite: true);
            return (tokens, new FileInfo(text).Length, encoding.TotalSeconds);
        }
        catch (DecoderFallbackException problem)
        {
            throw new CorpusException($"{text}: not valid UTF-8: {problem.Message} Convert the file (for example: iconv -f WINDOWS-1252 -t UTF-8).", problem);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    private static (long Tokens, TimeSpan Encoding) Write(Corpus corpus, string text, string output)
    {
        var (tokens, encoding) = (0L, TimeSpan.Zero);
        using var ids = new BufferedStream(File.Create(output), 1 << 20);
        Span<byte> two = stackalloc byte[2];
        foreach (var line in Lines(text))
        {
            var started = Stopwatch.GetTimestamp();
            var encoded = corpus.Encoder.Encode(line);
            encoding += Stopwatch.GetElapsedTime(started);
            tokens += encoded.Count;
            foreach (var id in encoded)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(two, (ushort)id);
                ids.Write(two);
            }

            BinaryPrimitives.WriteUInt16LittleEndian(two, EndOfLine);
            ids.Write(two);
        }

        return (tokens, encoding);
    }

    // Lines end at line feeds alone; StreamReader.ReadLine would end them at carriage returns too.
    private static IEnumerable<string> Lines(string path)
    {
        using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false);
        var line = new StringBuilder();
        var buffer = new char[1 << 16];
        while (reader.Read(buffer) is > 0 and var read)
        {
            var start = 0;
            while (buffer.AsSpan(start, read - start).IndexOf('\n') is >= 0 and var length)
            {
                yield return line.Append(buffer, start, length).ToString();
                line.Clear();
                start += length + 1;
            }

            line.Append(buffer, start, read - start);
        }

        if (line.Length > 0)
        {
            yield return line.ToString();
        }
    }
}
