using System.Globalization;
using System.Text;
using System.Xml;

namespace CramGrains.Model.Data.Sources;

/// <summary>Reads the articles of a MediaWiki XML dump: title, then paragraphs without markup. Redirects and pages outside the main namespace are left out.</summary>
internal static class WikipediaReader
{
    /// <summary>Streams the documents of one dump.</summary>
    /// <param name="path">The dump, plain or compressed; bzip2 of one stream or of many.</param>
    /// <param name="report">Told how many bytes of the file were read, now and then.</param>
    /// <exception cref="CorpusException">It is not a dump, or is cut or damaged.</exception>
    public static IEnumerable<string> Read(string path, Action<long> report)
    {
        using var stream = CompressedText.Open(path, report);
        using var reader = XmlReader.Create(stream, new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, IgnoreWhitespace = true, CheckCharacters = false,
        });
        var markup = new WikitextCleaner();
        if (!ToElement(reader, path) || reader.LocalName != "mediawiki")
        {
            throw new CorpusException($"{path}: its root is <{reader.LocalName}>, expected <mediawiki>, a dump such as enwiki-latest-pages-articles.xml.bz2.");
        }

        while (NextPage(reader, path) is { } page)
        {
            if (page is { IsArticle: true, Text.Length: > 0 } && markup.Clean(page.Text) is { Length: > 0 } text)
            {
                yield return $"{page.Title}\n{text}";
            }
        }
    }

    private static bool ToElement(XmlReader reader, string path) => Guard(reader, path, () =>
    {
        while (reader.Read())
        {
            if (reader.NodeType == XmlNodeType.Element)
            {
                return true;
            }
        }

        return false;
    });

    private static Page? NextPage(XmlReader reader, string path) => Guard(reader, path, () =>
    {
        while (reader.Read())
        {
            if (reader is { NodeType: XmlNodeType.Element, LocalName: "page" })
            {
                return ReadPage(reader);
            }
        }

        return null;
    });

    private static Page ReadPage(XmlReader reader)
    {
        var (title, space, redirect, text, depth) = ("", 0, false, new StringBuilder(), reader.Depth);
        var isWiki = true;
        reader.Read();
        while (reader.Depth > depth)
        {
            switch (reader)
            {
                case { NodeType: XmlNodeType.Element, LocalName: "title" }:
                    title = reader.ReadElementContentAsString();
                    break;
                case { NodeType: XmlNodeType.Element, LocalName: "ns" }:
                    space = int.Parse(reader.ReadElementContentAsString(), CultureInfo.InvariantCulture);
                    break;
                case { NodeType: XmlNodeType.Element, LocalName: "model" }:
                    isWiki = reader.ReadElementContentAsString() == "wikitext";
                    break;
                case { NodeType: XmlNodeType.Element, LocalName: "redirect" }:
                    redirect = true;
                    reader.Read();
                    break;
                case { NodeType: XmlNodeType.Element, LocalName: "text" }:
                    // A dump with history holds older revisions too; the last one is the newest.
                    text.Clear().Append(reader.ReadElementContentAsString());
                    break;
                default:
                    reader.Read();
                    break;
            }
        }

        return new Page(title.Trim(), space == 0 && !redirect && isWiki, text.ToString());
    }

    private static T Guard<T>(XmlReader reader, string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (XmlException problem)
        {
            var line = (reader as IXmlLineInfo)?.LineNumber ?? problem.LineNumber;
            throw new CorpusException($"{path}: not a whole MediaWiki dump: line {line}: {problem.Message} Fetch it again, or check that the source's kind is right.", problem);
        }
        catch (FormatException problem)
        {
            throw new CorpusException($"{path}: a page has no number as its namespace: {problem.Message} Expected a MediaWiki dump.", problem);
        }
    }

    private sealed record Page(string Title, bool IsArticle, string Text);
}
