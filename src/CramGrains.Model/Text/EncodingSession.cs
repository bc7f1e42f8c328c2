using CramGrains.Model.Recipes;

namespace CramGrains.Model.Text;

/// <summary>What one thread needs to encode: buffers and a cache of the words met so far. Not thread-safe.</summary>
internal sealed class EncodingSession(TextNormalizerKind normalizer, PieceMatcher pieces)
{
    private static readonly int[] UnknownWord = [SpecialTokens.Unknown];

    private readonly TextNormalizer _normalizer = TextNormalizer.For(normalizer);
    private readonly WordSplitter _splitter = WordSplitter.For(normalizer);
    private readonly CharBuffer _normalized = new();
    private readonly WordCache _cache = new();

    /// <summary>Adds the ids of a text to <paramref name="ids"/>, without special tokens.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        _normalized.Clear();
        _normalizer.Normalize(text, _normalized);
        var position = 0;
        while (_splitter.TryNext(_normalized.Span, ref position, out var word))
        {
            if (!_cache.TryAppend(word, ids))
            {
                ids.AddRange(EncodeNew(word));
            }
        }
    }

    private ReadOnlySpan<int> EncodeNew(ReadOnlySpan<char> word)
    {
        if (CodePoints.Count(word) > WordPieceEncoder.MaximumWordCharacters)
        {
            return UnknownWord;
        }

        var ids = pieces.Encode(word);
        _cache.Add(word, ids);
        return ids;
    }
}
