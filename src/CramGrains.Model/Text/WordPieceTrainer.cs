using System.Runtime.InteropServices;
using System.Text;

namespace CramGrains.Model.Text;

/// <summary>Trains a WordPiece vocabulary as Hugging Face's <c>WordPieceTrainer</c> does: byte-pair merges of whole words, with <c>##</c> on what continues one.</summary>
/// <remarks>
/// <para>
/// Follows tokenizers/src/models/bpe/trainer.rs step by step, quirks included: the most frequent pair is merged first and the smaller pair of
/// ids breaks ties; an entry of the queue owns the words in which its pair was seen when it was made, so a pair that turns up again
/// later waits in a second entry; the count of a merged pair itself is never taken back.
/// </para>
/// <para>
/// Differs: there the single characters after <c>##</c> get ids in the order of a randomly seeded hash table, so that two runs number
/// them, and break ties, differently. Here words are visited in ordinal order, so that the same counts always give the same vocabulary.
/// </para>
/// </remarks>
internal sealed class WordPieceTrainer
{
    public const string ContinuingPrefix = "##";

    private readonly int _vocabularySize;
    private readonly List<string> _tokens = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

    // Word w is _symbols[_starts[w] .. _starts[w] + _lengths[w]]; merging only ever shortens it.
    private int[] _symbols = [];
    private int[] _starts = [];
    private int[] _lengths = [];
    private long[] _wordCounts = [];

    private readonly Dictionary<ulong, long> _pairCounts = [];
    private readonly Dictionary<ulong, List<int>> _seenIn = [];
    private readonly PriorityQueue<List<int>, Merge> _queue = new(Comparer<Merge>.Create(Merge.Compare));
    private int _sequence;

    private WordPieceTrainer(int vocabularySize) => _vocabularySize = vocabularySize;

    /// <summary>Trains a vocabulary.</summary>
    /// <param name="wordCounts">How often each word occurs.</param>
    /// <param name="vocabularySize">Entries wanted, special tokens included.</param>
    /// <param name="progress">Receives the fraction done, now and then.</param>
    /// <param name="cancellationToken">Stops between merges.</param>
    /// <returns>The entries by id, special tokens first; fewer than wanted when the words hold no more pairs, and all single characters even when they are more.</returns>
    public static IReadOnlyList<string> Train(
        IReadOnlyDictionary<string, long> wordCounts, int vocabularySize, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var trainer = new WordPieceTrainer(vocabularySize);
        trainer.AddAlphabet(wordCounts.Keys);
        trainer.AddWords([.. wordCounts.OrderBy(pair => pair.Key, StringComparer.Ordinal)]);
        trainer.CountPairs();
        trainer.MergePairs(progress, cancellationToken);
        return trainer._tokens;
    }

    private void AddAlphabet(IEnumerable<string> words)
    {
        foreach (var special in SpecialTokens.Names)
        {
            IdOf(special);
        }

        foreach (var character in words.SelectMany(word => word.EnumerateRunes()).Distinct().Order())
        {
            IdOf(character.ToString());
        }
    }

    private void AddWords(KeyValuePair<string, long>[] words)
    {
        _symbols = new int[words.Sum(pair => pair.Key.Length)];
        _starts = new int[words.Length];
        _lengths = new int[words.Length];
        _wordCounts = new long[words.Length];
        var continuing = new Dictionary<Rune, int>();
        var next = 0;
        for (var w = 0; w < words.Length; w++)
        {
            _starts[w] = next;
            _wordCounts[w] = words[w].Value;
            foreach (var character in words[w].Key.EnumerateRunes())
            {
                if (next == _starts[w])
                {
                    _symbols[next++] = _ids[character.ToString()];
                    continue;
                }

                ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(continuing, character, out var known);
                id = known ? id : IdOf(ContinuingPrefix + character);
                _symbols[next++] = id;
            }

            _lengths[w] = next - _starts[w];
        }
    }

    private void CountPairs()
    {
        for (var w = 0; w < _starts.Length; w++)
        {
            var symbols = Symbols(w);
            for (var i = 0; i + 1 < symbols.Length; i++)
            {
                Change(Pair(symbols[i], symbols[i + 1]), _wordCounts[w], w);
            }
        }

        QueueSeen();
    }

    private void MergePairs(IProgress<double>? progress, CancellationToken cancellationToken)
    {
        while (_tokens.Count < _vocabularySize && _queue.TryDequeue(out var words, out var top))
        {
            var count = _pairCounts[top.Pair];
            if (count != top.Count)
            {
                _queue.Enqueue(words, top with { Count = count });
                continue;
            }

            if (count < 1)
            {
                break;
            }

            if (_tokens.Count % 256 == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report((double)_tokens.Count / _vocabularySize);
            }

            var (left, right) = ((int)(top.Pair >> 32), (int)(uint)top.Pair);
            var second = _tokens[right];
            var merged = IdOf(_tokens[left] + (second.StartsWith(ContinuingPrefix, StringComparison.Ordinal) ? second[ContinuingPrefix.Length..] : second));
            foreach (var word in words)
            {
                MergeIn(word, left, right, merged);
            }

            QueueSeen();
        }
    }

    private void MergeIn(int word, int left, int right, int merged)
    {
        var symbols = Symbols(word);
        var count = _wordCounts[word];
        var write = 0;
        for (var read = 0; read < symbols.Length; read++, write++)
        {
            if (symbols[read] != left || read + 1 == symbols.Length || symbols[read + 1] != right)
            {
                symbols[write] = symbols[read];
                continue;
            }

            if (write > 0)
            {
                Change(Pair(symbols[write - 1], left), -count, word);
                Change(Pair(symbols[write - 1], merged), count, word);
            }

            symbols[write] = merged;
            read++;
            if (read + 1 < symbols.Length)
            {
                Change(Pair(right, symbols[read + 1]), -count, word);
                Change(Pair(merged, symbols[read + 1]), count, word);
            }
        }

        _lengths[word] = write;
    }

    private void Change(ulong pair, long change, int word)
    {
        CollectionsMarshal.GetValueRefOrAddDefault(_pairCounts, pair, out _) += change;
        if (change > 0)
        {
            ref var words = ref CollectionsMarshal.GetValueRefOrAddDefault(_seenIn, pair, out _);
            words ??= [];
            if (words.Count == 0 || words[^1] != word)
            {
                words.Add(word);
            }
        }
    }

    private void QueueSeen()
    {
        foreach (var (pair, words) in _seenIn)
        {
            var count = _pairCounts[pair];
            if (count > 0)
            {
                _queue.Enqueue(words, new Merge(count, pair, _sequence++));
            }
        }

        _seenIn.Clear();
    }

    private int IdOf(string token)
    {
        ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_ids, token, out var known);
        if (!known)
        {
            id = _tokens.Count;
            _tokens.Add(token);
        }

        return id;
    }

    private Span<int> Symbols(int word) => _symbols.AsSpan(_starts[word], _lengths[word]);

    private static ulong Pair(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private readonly record struct Merge(long Count, ulong Pair, int Sequence)
    {
        // The queue takes the least: the highest count, then the smallest pair, then the oldest entry.
        public static int Compare(Merge a, Merge b)
        {
            var order = b.Count.CompareTo(a.Count);
            order = order != 0 ? order : a.Pair.CompareTo(b.Pair);
            return order != 0 ? order : a.Sequence.CompareTo(b.Sequence);
        }
    }
}
