using System.Text;
using System.Xml;

namespace CramGrains.Model.Data.Sources;

/// <summary>Reads the English of .NET reference documentation: one document per type, one paragraph per description of it and of its members.</summary>
internal static class DotnetReferenceReader
{
    // Prose; cref and name attributes below stand in for the words that the markup leaves out.
    private static readonly HashSet<string> Paragraphs =
        ["summary", "remarks", "returns", "value", "param", "typeparam", "exception", "para", "description", "term", "example", "item", "li", "p"];

    private static readonly HashSet<string> NotProse = ["code", "inheritdoc", "seealso", "threadsafety", "related"];

    /// <summary>Streams the documents of one file; a description that a type repeats, as overloads do, stands there once.</summary>
    /// <param name="path">The XML file.</param>
    /// <param name="report">Told how many bytes were read, now and then.</param>
    /// <exception cref="CorpusException">The file is not well-formed XML.</exception>
    public static IEnumerable<string> Read(string path, Action<long> report)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        using var reader = XmlReader.Create(stream, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
        var (type, reported) = ("", 0L);
        var paragraphs = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        while (NextMember(reader, path) is { } member)
        {
            if (TypeOf(member) is var owner && owner != type)
            {
                if (paragraphs.Count > 0)
                {
                    yield return string.Join('\n', paragraphs);
                }

                paragraphs.Clear();
                known.Clear();
                type = owner;
                report(stream.Position - reported);
                reported = stream.Position;
            }

            paragraphs.AddRange(ReadMember(reader, path).Where(known.Add));
        }

        report(stream.Length - reported);
        if (paragraphs.Count > 0)
        {
            yield return string.Join('\n', paragraphs);
        }
    }

    private static string? NextMember(XmlReader reader, string path)
    {
        while (Advance(reader, path))
        {
            if (reader is { NodeType: XmlNodeType.Element, Name: "member" })
            {
                return reader.GetAttribute("name") ?? "";
            }
        }

        return null;
    }

    private static List<string> ReadMember(XmlReader reader, string path)
    {
        var paragraphs = new List<string>();
        var text = new StringBuilder();
        var depth = reader.Depth;
        if (reader.IsEmptyElement)
        {
            return paragraphs;
        }

        while (Advance(reader, path) && reader.Depth > depth)
        {
            switch (reader.NodeType)
            {
                case XmlNodeType.Element when NotProse.Contains(reader.Name):
                    Skip(reader, path);
                    break;
                case XmlNodeType.Element when Paragraphs.Contains(reader.Name):
                case XmlNodeType.EndElement when Paragraphs.Contains(reader.Name):
                    EndParagraph(text, paragraphs);
                    break;
                case XmlNodeType.Element:
                    text.Append(Reference(reader));
                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace:
                    text.Append(reader.Value);
                    break;
            }
        }

        EndParagraph(text, paragraphs);
        return paragraphs;
    }

    private static void Skip(XmlReader reader, string path)
    {
        var depth = reader.Depth;
        if (!reader.IsEmptyElement)
        {
            while (Advance(reader, path) && reader.Depth > depth)
            {
            }
        }
    }

    /// <summary>The words that an empty element such as <c>see</c> or <c>paramref</c> stands for.</summary>
    private static string Reference(XmlReader reader)
    {
        if (!reader.IsEmptyElement)
        {
            return "";
        }

        if ((reader.GetAttribute("name") ?? reader.GetAttribute("langword")) is { } word)
        {
            return word;
        }

        // "M:System.Text.StringBuilder.Append(System.Char)" reads as "StringBuilder.Append", a type as its own name.
        var cref = (reader.GetAttribute("cref") ?? "").Split('(', '`')[0];
        var parts = cref[(cref.IndexOf(':', StringComparison.Ordinal) + 1)..].Split('.');
        return string.Join('.', parts.TakeLast(cref.StartsWith("T:", StringComparison.Ordinal) ? 1 : 2)).Replace("#ctor", "constructor", StringComparison.Ordinal);
    }

    private static void EndParagraph(StringBuilder text, List<string> paragraphs)
    {
        var words = text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        text.Clear();
        if (words.Length > 2) // "true", "A string." and bare names teach nothing.
        {
            paragraphs.Add(string.Join(' ', words));
        }
    }

    // "M:System.Collections.BitArray.And(System.Collections.BitArray)" -> "System.Collections.BitArray"
    private static string TypeOf(string member)
    {
        var name = member.Split('(')[0];
        var dot = name.LastIndexOf('.');
        return name.StartsWith("T:", StringComparison.Ordinal) ? name[2..] : dot > 2 ? name[2..dot] : name;
    }

    private static bool Advance(XmlReader reader, string path)
    {
        try
        {
            return reader.Read();
        }
        catch (XmlException problem)
        {
            throw new CorpusException($"{path}: not well-formed XML at line {problem.LineNumber}, column {problem.LinePosition}: {problem.Message} Reinstall the .NET SDK.", problem);
        }
    }
}
