using CramGrains.Model.Recipes;

namespace CramGrains.Model.Text;

/// <summary>What one thread needs to encode: buffers and a cache of the words met so far. Not thread-safe.</summary>
internal sealed class EncodingSession(TextNormalizerKind normalizer, PieceMatcher pieces)
{
    // Natural text repeats itself: 200,000 words cover about 99 % of it, in some 20 MB.
    private const int MaximumCachedWords = 200_000;
    private const int LongestCachedWord = 64;

    private static readonly int[] UnknownWord = [SpecialTokens.Unknown];

    private readonly TextNormalizer _normalizer = TextNormalizer.For(normalizer);
    private readonly WordSplitter _splitter = WordSplitter.For(normalizer);
    private readonly CharBuffer _normalized = new();
    private readonly Dictionary<string, int[]> _cache = new(StringComparer.Ordinal);

    /// <summary>Adds the ids of a text to <paramref name="ids"/>, without special tokens.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        _normalized.Clear();
        _normalizer.Normalize(text, _normalized);
        var lookup = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        var position = 0;
        while (_splitter.TryNext(_normalized.Span, ref position, out var word))
        {
            ids.AddRange(lookup.TryGetValue(word, out var known) ? known : EncodeNew(word));
        }
    }

    private ReadOnlySpan<int> EncodeNew(ReadOnlySpan<char> word)
    {
        if (CodePoints.Count(word) > WordPieceEncoder.MaximumWordCharacters)
        {
            return UnknownWord;
        }

        var ids = pieces.Encode(word);
        if (_cache.Count < MaximumCachedWords && word.Length <= LongestCachedWord)
        {
            _cache.Add(word.ToString(), ids);
        }

        return ids;
    }
}
