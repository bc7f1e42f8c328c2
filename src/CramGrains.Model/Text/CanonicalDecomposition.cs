using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace CramGrains.Model.Text;

/// <summary>Canonical decomposition (NFD) by an own table: <c>string.Normalize</c> returns its input unchanged under invariant globalization.</summary>
/// <remarks>
/// Combining marks are not reordered: every use here removes nonspacing marks next, and only 25 other characters have a combining class.
/// </remarks>
internal static class CanonicalDecomposition
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int VowelCount = 21, TrailCount = 28, HangulCount = 19 * VowelCount * TrailCount;

    private static readonly FrozenDictionary<int, Rune[]> Table = Load();

    /// <summary>The decomposition of one character, or an empty span where it stands for itself.</summary>
    /// <param name="rune">Any character.</param>
    /// <param name="scratch">Room for three, used for Hangul syllables.</param>
    public static ReadOnlySpan<Rune> Decompose(Rune rune, Span<Rune> scratch)
    {
        var syllable = rune.Value - HangulBase;
        if ((uint)syllable < HangulCount)
        {
            scratch[0] = new Rune(LeadBase + (syllable / (VowelCount * TrailCount)));
            scratch[1] = new Rune(VowelBase + (syllable % (VowelCount * TrailCount) / TrailCount));
            var trail = syllable % TrailCount;
            scratch[2] = new Rune(TrailBase + trail);
            return scratch[..(trail == 0 ? 2 : 3)];
        }

        return Table.TryGetValue(rune.Value, out var decomposition) ? decomposition : default;
    }

    private static FrozenDictionary<int, Rune[]> Load()
    {
        var table = new Dictionary<int, Rune[]>();
        using var stream = typeof(CanonicalDecomposition).Assembly.GetManifestResourceStream("CanonicalDecompositions.txt")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            var codes = line.Split(' ').Select(code => int.Parse(code, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            table.Add(codes[0], [.. codes[1..].Select(code => new Rune(code))]);
        }

        return table.ToFrozenDictionary();
    }
}
