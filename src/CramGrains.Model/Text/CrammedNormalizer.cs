using System.Globalization;
using System.Text;

namespace CramGrains.Model.Text;

/// <summary>The paper's normaliser, in the reference's order (tokenizer_preparation.py, <c>_get_sane_normalizers</c>).</summary>
/// <remarks>
/// <c>``</c> and <c>''</c> become <c>"</c>; NFD; lower case; accents stripped; runs of spaces collapsed; everything outside ASCII removed. The
/// order shows: a dash between two spaces goes last, so both spaces stay, and a no-break space joins its neighbours.
/// </remarks>
internal sealed class CrammedNormalizer : TextNormalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer output)
    {
        // Normalisation grows ASCII text never and other text up to threefold, so most of it is written without a check per character.
        Span<Rune> scratch = stackalloc Rune[3];
        var afterSpace = false;
        for (var i = 0; i < text.Length;)
        {
            var c = text[i];
            if (c >= 0x80)
            {
                Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
                i += consumed;
                AddRune(rune, scratch, output, ref afterSpace);
                continue;
            }

            i++;
            if (c is '`' or '\'' && i < text.Length && text[i] == c)
            {
                i++;
                c = '"';
            }

            AddAscii(c, output, ref afterSpace);
        }
    }

    private static void AddRune(Rune rune, Span<Rune> scratch, CharBuffer output, ref bool afterSpace)
    {
        var decomposition = CanonicalDecomposition.Decompose(rune, scratch);
        if (decomposition.IsEmpty)
        {
            // A mark is gone before spaces are collapsed, any other character after, so only the latter keeps two spaces apart.
            afterSpace &= IsMark(rune);
            return;
        }

        foreach (var part in decomposition)
        {
            if (part.IsAscii)
            {
                AddAscii((char)part.Value, output, ref afterSpace);
            }
            else
            {
                afterSpace &= IsMark(part);
            }
        }
    }

    private static void AddAscii(char c, CharBuffer output, ref bool afterSpace)
    {
        var isSpace = c == ' ';
        if (isSpace && afterSpace)
        {
            return;
        }

        afterSpace = isSpace;
        output.Add(c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c);
    }

    private static bool IsMark(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;
}
