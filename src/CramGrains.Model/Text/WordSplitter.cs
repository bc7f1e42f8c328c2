using System.Globalization;
using System.Text;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Text;

/// <summary>Splits normalised text into the words that WordPiece encodes one by one. Stateless.</summary>
/// <remarks>
/// With BERT's normaliser as BERT does: white space goes and every punctuation character stands alone. Otherwise as Hugging Face's
/// <c>Whitespace</c>, the expression <c>\w+|[^\w\s]+</c>: runs of punctuation are one word and digits stay in theirs.
/// </remarks>
internal sealed class WordSplitter
{
    private const byte Space = 0, Word = 1, Punctuation = 2;

    private readonly bool _singlePunctuation;
    private readonly byte[] _asciiClasses = new byte[128];

    private WordSplitter(bool singlePunctuation)
    {
        _singlePunctuation = singlePunctuation;
        for (var c = 0; c < 128; c++)
        {
            _asciiClasses[c] = ClassOf(new Rune(c));
        }
    }

    public static WordSplitter For(TextNormalizerKind kind) => new(singlePunctuation: kind == TextNormalizerKind.Bert);

    /// <summary>Finds the next word at or after <paramref name="position"/> and moves past it.</summary>
    /// <param name="text">Normalised text.</param>
    /// <param name="position">Where to go on; at the end of the word afterwards.</param>
    /// <param name="word">The word, empty when there is none.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryNext(ReadOnlySpan<char> text, ref int position, out ReadOnlySpan<char> word)
    {
        var length = 0;
        var kind = Space;
        while (position < text.Length && (kind = ClassAt(text, position, out length)) == Space)
        {
            position += length;
        }

        var start = position;
        position = Math.Min(position + length, text.Length);
        if (kind == Space)
        {
            word = default;
            return false;
        }

        if (!(kind == Punctuation && _singlePunctuation))
        {
            while (position < text.Length && ClassAt(text, position, out length) == kind)
            {
                position += length;
            }
        }

        word = text[start..position];
        return true;
    }

    private byte ClassAt(ReadOnlySpan<char> text, int position, out int length)
    {
        var c = text[position];
        if (c < 128)
        {
            length = 1;
            return _asciiClasses[c];
        }

        Rune.DecodeFromUtf16(text[position..], out var rune, out length);
        return ClassOf(rune);
    }

    private byte ClassOf(Rune rune)
    {
        if (Rune.IsWhiteSpace(rune))
        {
            return Space;
        }

        return (_singlePunctuation ? !IsBertPunctuation(rune) : IsWordCharacter(rune)) ? Word : Punctuation;
    }

    // Unicode's \w: Alphabetic, marks, decimal digits, connectors and joiners. Alphabetic is the letters and letter numbers plus the
    // enclosed Latin letters, whose category is 'other symbol'.
    private static bool IsWordCharacter(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter
            or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.OtherSymbol => rune.Value is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169)
            or (>= 0x1F170 and <= 0x1F189),
        _ => rune.Value is 0x200C or 0x200D,
    };

    private static bool IsBertPunctuation(Rune rune) => rune.IsAscii
        ? rune.Value is (>= '!' and <= '/') or (>= ':' and <= '@') or (>= '[' and <= '`') or (>= '{' and <= '~')
        : Rune.GetUnicodeCategory(rune) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
            or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation
            or UnicodeCategory.OtherPunctuation;
}
