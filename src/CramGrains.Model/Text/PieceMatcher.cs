namespace CramGrains.Model.Text;

/// <summary>WordPiece of one word: the longest entry first, again and again. Thread-safe.</summary>
internal sealed class PieceMatcher
{
    private static readonly int[] UnknownWord = [SpecialTokens.Unknown];

    private readonly Dictionary<string, int> _first;
    private readonly Dictionary<string, int> _continuing;
    private readonly int _longestFirst;
    private readonly int _longestContinuing;

    public PieceMatcher(IReadOnlyList<string> vocabulary)
    {
        // A word may begin with "##" itself, as runs of punctuation do; then such an entry is taken literally, as Hugging Face does.
        _first = vocabulary.Index().ToDictionary(pair => pair.Item, pair => pair.Index, StringComparer.Ordinal);
        _continuing = _first.Where(pair => pair.Key.StartsWith(WordPieceTrainer.ContinuingPrefix, StringComparison.Ordinal) && pair.Key.Length > WordPieceTrainer.ContinuingPrefix.Length)
            .ToDictionary(pair => pair.Key[WordPieceTrainer.ContinuingPrefix.Length..], pair => pair.Value, StringComparer.Ordinal);
        _longestFirst = _first.Keys.Max(piece => piece.Length);
        _longestContinuing = _continuing.Keys.Select(piece => piece.Length).DefaultIfEmpty().Max();
    }

    /// <summary>The ids of a word; one [UNK] where a part of it matches nothing.</summary>
    public int[] Encode(ReadOnlySpan<char> word)
    {
        var first = _first.GetAlternateLookup<ReadOnlySpan<char>>();
        var continuing = _continuing.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<int> ids = word.Length <= 256 ? stackalloc int[word.Length] : new int[word.Length];
        var count = 0;
        for (var start = 0; start < word.Length;)
        {
            var lookup = start == 0 ? first : continuing;
            var length = Math.Min(word.Length - start, start == 0 ? _longestFirst : _longestContinuing);
            var id = -1;
            while (length > 0 && !lookup.TryGetValue(word.Slice(start, length), out id))
            {
                length--;
            }

            if (length == 0)
            {
                return UnknownWord;
            }

            ids[count++] = id;
            start += length;
        }

        return ids[..count].ToArray();
    }
}
