using System.Text;
using System.Text.Json;

namespace CramGrains.Model.Data.Sources;

/// <summary>Reads JSON lines: one object a line, one of whose fields is a document. Memory: the longest line.</summary>
internal static class JsonLinesReader
{
    /// <summary>A line longer than this is taken for something else than JSON lines, such as one array over the whole file.</summary>
    public const int LongestLineBytes = 256 << 20;

    private const int BufferBytes = 1 << 18;

    /// <summary>Streams the documents of one file.</summary>
    /// <param name="path">The file, plain or compressed.</param>
    /// <param name="field">The field that holds the text; a line where it is null or empty is no document.</param>
    /// <param name="report">Told how many bytes of the file were read, now and then.</param>
    /// <exception cref="CorpusException">A line is not a JSON object in UTF-8 or lacks the field; the message names line, field and what there is.</exception>
    public static IEnumerable<string> Read(string path, string field, Action<long> report)
    {
        using var stream = CompressedText.Open(path, report);
        var name = Encoding.UTF8.GetBytes(field);
        var buffer = new byte[BufferBytes];
        var (held, line, end) = (0, 0L, false);
        while (!end)
        {
            var read = stream.ReadAtLeast(buffer.AsSpan(held), buffer.Length - held, throwOnEndOfStream: false);
            end = held + read < buffer.Length;
            var filled = held + read;
            var start = 0;
            while (start < filled)
            {
                var length = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n');
                if (length < 0 && !end)
                {
                    break;
                }

                length = length < 0 ? filled - start : length;
                line++;
                if (Document(buffer.AsSpan(start, length), name, path, field, line) is { Length: > 0 } document)
                {
                    yield return document;
                }

                start = Math.Min(start + length + 1, filled);
            }

            held = filled - start;
            buffer.AsSpan(start, held).CopyTo(buffer);
            if (held == buffer.Length)
            {
                Array.Resize(ref buffer, held < LongestLineBytes ? held * 2 : throw TooLong(path, line + 1));
            }
        }
    }

    private static CorpusException TooLong(string path, long line) => new(
        $"{path}: line {line} is longer than {LongestLineBytes >> 20} MiB; expected one JSON object a line. If the file is one JSON array, convert it (for example: jq -c '.[]').");

    private static string? Document(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name, string path, string field, long number)
    {
        line = number == 1 && line.StartsWith(Encoding.UTF8.Preamble) ? line[Encoding.UTF8.Preamble.Length..] : line;
        line = line.Trim(" \t\r"u8);
        if (line.IsEmpty)
        {
            return null;
        }

        var json = new Utf8JsonReader(line);
        try
        {
            json.Read();
            if (json.TokenType != JsonTokenType.StartObject)
            {
                throw new CorpusException($"{path}: line {number} holds {Describe(json.TokenType)}, expected one JSON object a line.");
            }

            return Field(ref json, name, path, field, number);
        }
        catch (JsonException problem)
        {
            throw new CorpusException($"{path}: line {number} is not valid JSON at byte {problem.BytePositionInLine}: {Cause(problem)}. Expected one JSON object a line.", problem);
        }
        catch (InvalidOperationException problem)
        {
            // What the reader says of text that is not UTF-8 or of half a surrogate pair.
            throw new CorpusException($"{path}: line {number}: the field '{field}' is not valid Unicode text: {problem.Message} Convert the file to UTF-8 or remove the line.", problem);
        }
    }

    private static string? Field(ref Utf8JsonReader json, ReadOnlySpan<byte> name, string path, string field, long number)
    {
        var (found, text) = (false, (string?)null);
        var others = new List<string>();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isField = json.ValueTextEquals(name);
            if (!isField && others.Count < 20)
            {
                others.Add(json.GetString()!);
            }

            json.Read();
            if (!isField)
            {
                json.Skip();
                continue;
            }

            found = true;
            text = json.TokenType switch
            {
                JsonTokenType.String => json.GetString(),
                JsonTokenType.Null => null,
                _ => throw new CorpusException($"{path}: line {number}: the field '{field}' holds {Describe(json.TokenType)}, expected text."),
            };
        }

        json.Read(); // Anything after the object is an error of its own.
        return found
            ? text
            : throw new CorpusException(
                $"{path}: line {number} has no field '{field}'; it has {(others.Count == 0 ? "none" : string.Join(", ", others))}. Set 'field' of the source to the one that holds the text.");
    }

    private static string Cause(JsonException problem) => problem.Message.Split(" LineNumber:", 2)[0].TrimEnd('.');

    private static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "true or false",
        _ => "null",
    };
}
