using System.Globalization;
using System.Text;

namespace CramGrains.Model.Text;

/// <summary>BERT's uncased normaliser: text cleaned, CJK characters spaced, accents stripped, lower case (Hugging Face's <c>BertNormalizer</c>).</summary>
internal sealed class BertNormalizer : TextNormalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer output)
    {
        Span<Rune> scratch = stackalloc Rune[3];
        for (var i = 0; i < text.Length;)
        {
            var c = text[i];
            if (c is >= ' ' and < (char)0x7F)
            {
                output.Add(c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c);
                i++;
                continue;
            }

            // An unpaired surrogate decodes to U+FFFD, which is removed.
            Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
            i += consumed;
            if (rune.Value is '\t' or '\n' or '\r' || (Rune.IsWhiteSpace(rune) && !IsOther(rune)))
            {
                output.Add(' ');
            }
            else if (rune.Value is not (0 or 0xFFFD) && !IsOther(rune))
            {
                AddKept(rune, scratch, output);
            }
        }
    }

    private static void AddKept(Rune rune, Span<Rune> scratch, CharBuffer output)
    {
        var isCjk = IsCjk(rune.Value);
        if (isCjk)
        {
            output.Add(' ');
        }

        var decomposition = CanonicalDecomposition.Decompose(rune, scratch);
        if (decomposition.IsEmpty)
        {
            AddUnmarked(rune, output);
        }

        foreach (var part in decomposition)
        {
            AddUnmarked(part, output);
        }

        if (isCjk)
        {
            output.Add(' ');
        }
    }

    private static void AddUnmarked(Rune rune, CharBuffer output)
    {
        if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark)
        {
            return;
        }

        // No case mapping that yields several characters is left to do: the only one in lower case, of U+0130, is decomposed by now.
        var lower = Rune.ToLowerInvariant(rune);
        lower.EncodeToUtf16(output.Append(lower.Utf16SequenceLength));
    }

    private static bool IsOther(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;

    // The ranges of the original BERT, with Hugging Face's lower end of the last extension (U+2B920).
    private static bool IsCjk(int c) => c is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF)
        or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0x2F800 and <= 0x2FA1F);
}
