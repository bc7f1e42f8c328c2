using System.Runtime.InteropServices;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Text;

/// <summary>Counts the words of normalised text, for training a vocabulary. One per thread; merged at the end.</summary>
internal sealed class WordCounter(TextNormalizerKind normalizer)
{
    private readonly TextNormalizer _normalizer = TextNormalizer.For(normalizer);
    private readonly WordSplitter _splitter = WordSplitter.For(normalizer);
    private readonly CharBuffer _normalized = new();
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public void Add(ReadOnlySpan<char> text)
    {
        _normalized.Clear();
        _normalizer.Normalize(text, _normalized);
        var lookup = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
        var position = 0;
        while (_splitter.TryNext(_normalized.Span, ref position, out var word))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, word, out _)++;
        }
    }

    public void Merge(WordCounter other)
    {
        foreach (var (word, count) in other._counts)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, word, out _) += count;
        }
    }
}
