using System.Buffers;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace CramGrains.Model.Data.Sources;

/// <summary>Takes the markup out of wikitext and leaves paragraphs, one a line: no templates, tables, references, files or categories. Not thread-safe.</summary>
/// <remarks>Templates are removed, not expanded: what they would print (conversions, dates) is missing. Lists stay as lines, headings go.</remarks>
internal sealed partial class WikitextCleaner
{
    // Whole elements whose content is no prose.
    private static readonly string[] Dropped =
        ["ref", "math", "chem", "gallery", "timeline", "score", "syntaxhighlight", "source", "code", "pre", "imagemap", "graph", "mapframe", "hiero", "table", "templatestyles"];

    private static readonly HashSet<string> MediaPrefixes = new(StringComparer.OrdinalIgnoreCase) { "file", "image", "media", "category", "datei", "bild", "kategorie", "fichier", "catégorie", "archivo", "categoría" };

    private static readonly SearchValues<char> Punctuation = SearchValues.Create(" .,;:()[]*-\u2013");

    private readonly StringBuilder _output = new();

    /// <summary>The text of an article.</summary>
    /// <param name="wikitext">Markup, balanced or not.</param>
    /// <returns>Paragraphs joined by line feeds; empty where nothing is left.</returns>
    public string Clean(string wikitext)
    {
        var text = Comments().Replace(wikitext, "");
        foreach (var name in Dropped)
        {
            text = DropElements(text, name);
        }

        text = DropNested(text, "{|", "|}");
        text = DropNested(text, "{{", "}}");
        text = Links(text);
        text = ExternalLinks().Replace(text, match => match.Groups[1].Value);
        text = Tags().Replace(text, " ");
        text = Quotes().Replace(text, "");
        text = MagicWords().Replace(text, "");
        text = WebUtility.HtmlDecode(WebUtility.HtmlDecode(text)); // &amp;nbsp; is common
        return Paragraphs(text);
    }

    private string Paragraphs(string text)
    {
        _output.Clear();
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var line = text.AsSpan(range).Trim();
            if (line.IsEmpty || (line[0] == '=' && line[^1] == '=') || line[0] is '|' or '!' || line.StartsWith("----") || line.StartsWith("}}") || line.StartsWith("|}"))
            {
                continue;
            }

            line = line.TrimStart("*#:; \t");
            var start = _output.Length;
            var space = false;
            foreach (var c in line)
            {
                if (char.IsWhiteSpace(c))
                {
                    space = true;
                    continue;
                }

                // What a template leaves before punctuation: "born  , in" and "( )".
                if (space && _output.Length > start && c is not (',' or '.' or ';' or ')'))
                {
                    _output.Append(' ');
                }

                space = false;
                _output.Append(c);
            }

            var paragraph = EmptyBrackets().Replace(_output.ToString(start, _output.Length - start), "").Trim();
            _output.Length = start;
            if (paragraph.AsSpan().ContainsAnyExcept(Punctuation))
            {
                _output.Append(paragraph).Append('\n');
            }
        }

        return _output.ToString().TrimEnd('\n');
    }

    /// <summary>[[target|label]] becomes its label, [[File:...]] and its kin go, captions with links inside included.</summary>
    private static string Links(string text)
    {
        if (!text.Contains("[[", StringComparison.Ordinal))
        {
            return text;
        }

        var output = new StringBuilder(text.Length);
        var position = 0;
        while (text.IndexOf("[[", position, StringComparison.Ordinal) is >= 0 and var open)
        {
            output.Append(text, position, open - position);
            var close = Close(text, open, "[[", "]]");
            if (close < 0)
            {
                position = open + 2;
                continue;
            }

            var inside = text[(open + 2)..(close - 2)];
            position = close;
            var bar = inside.IndexOf('|', StringComparison.Ordinal);
            var target = (bar < 0 ? inside : inside[..bar]).TrimStart(':', ' ');
            var colon = target.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && !inside.StartsWith(':') && MediaPrefixes.Contains(target[..colon].Trim()))
            {
                continue;
            }

            output.Append(bar < 0 ? target : inside[(bar + 1)..]);
        }

        return output.Append(text, position, text.Length - position).ToString();
    }

    private static string DropNested(string text, string open, string close)
    {
        if (!text.Contains(open, StringComparison.Ordinal))
        {
            return text;
        }

        var output = new StringBuilder(text.Length);
        var position = 0;
        while (text.IndexOf(open, position, StringComparison.Ordinal) is >= 0 and var start)
        {
            output.Append(text, position, start - position);
            var end = Close(text, start, open, close);

            // Never closed: the mark alone goes, or one slip of an editor would take the rest of the article along.
            position = end < 0 ? start + open.Length : end;
        }

        return output.Append(text, position, text.Length - position).ToString();
    }

    /// <summary>Where the mark that opens at <paramref name="start"/> is closed, nested ones apart; -1 for nowhere.</summary>
    private static int Close(string text, int start, string open, string close)
    {
        var depth = 0;
        for (var i = start; i + 1 < text.Length;)
        {
            if (string.CompareOrdinal(text, i, open, 0, 2) == 0)
            {
                depth++;
                i += 2;
            }
            else if (string.CompareOrdinal(text, i, close, 0, 2) == 0)
            {
                i += 2;
                if (--depth == 0)
                {
                    return i;
                }
            }
            else
            {
                i++;
            }
        }

        return -1;
    }

    private static string DropElements(string text, string name)
    {
        var open = "<" + name;
        if (!text.Contains(open, StringComparison.OrdinalIgnoreCase))
        {
            return text;
        }

        var output = new StringBuilder(text.Length);
        var position = 0;
        while (text.IndexOf(open, position, StringComparison.OrdinalIgnoreCase) is >= 0 and var start)
        {
            var after = start + open.Length;
            var end = text.IndexOf('>', after);
            if (end < 0 || (after < text.Length && char.IsAsciiLetterOrDigit(text[after])))
            {
                // "<references" is not "<ref".
                output.Append(text, position, after - position);
                position = after;
                continue;
            }

            output.Append(text, position, start - position);
            var closing = text[end - 1] == '/' ? -1 : text.IndexOf("</" + name, end, StringComparison.OrdinalIgnoreCase);
            var closed = closing < 0 ? -1 : text.IndexOf('>', closing);
            position = closed < 0 ? end + 1 : closed + 1;
        }

        return output.Append(text, position, text.Length - position).ToString();
    }

    [GeneratedRegex("<!--.*?(-->|$)", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\[(?:https?:|ftp:|mailto:)?//[^\s\]]*\s*([^\]]*)\]")]
    private static partial Regex ExternalLinks();

    [GeneratedRegex("</?[a-zA-Z][^<>]{0,500}>")]
    private static partial Regex Tags();

    [GeneratedRegex("'{2,5}")]
    private static partial Regex Quotes();

    [GeneratedRegex("__[A-Z]{3,20}__")]
    private static partial Regex MagicWords();

    [GeneratedRegex(@"\s*\(\s*[,;\s]*\)|\s*\[\s*\]")]
    private static partial Regex EmptyBrackets();
}
