using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>How often a token occurs in the training rows.</summary>
/// <param name="Token">The entry.</param>
/// <param name="Count">Its occurrences.</param>
public sealed record TokenCount(string Token, long Count);

/// <summary>Figures of a prepared corpus, counted over all of its training rows.</summary>
/// <param name="TokensPerCharacter">Tokens of kept documents, separators left out, by their UTF-16 units.</param>
/// <param name="UnusedEntries">Entries of the vocabulary that no training row holds, special tokens left out.</param>
/// <param name="DocumentTokenPercentiles">Tokens between separators at the 5th, 25th, 50th, 75th, 95th and 99th percentile. Documents that rows cut apart in another order count in parts.</param>
/// <param name="TokenLengthHistogram">Occurrences by the characters of the token, <c>##</c> left out; index 0 holds special tokens.</param>
/// <param name="TopTokens">The hundred most frequent, most frequent first.</param>
public sealed record CorpusStatistics(
    double TokensPerCharacter,
    int UnusedEntries,
    IReadOnlyDictionary<int, int> DocumentTokenPercentiles,
    IReadOnlyList<long> TokenLengthHistogram,
    IReadOnlyList<TokenCount> TopTokens)
{
    private const int LongestCounted = 1 << 20;

    /// <summary>Reads every training row once.</summary>
    public static CorpusStatistics Of(Corpus corpus)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        var vocabulary = corpus.Vocabulary;
        var counts = new long[vocabulary.Count];
        var lengths = new SortedDictionary<int, long>();
        var row = new int[corpus.Training.SequenceLength];
        for (var i = 0L; i < corpus.Training.Count; i++)
        {
            corpus.Training.CopyRow(i, row);
            var length = 0;
            foreach (var id in row)
            {
                counts[id]++;
                length += id >= SpecialTokens.FirstWord || id == SpecialTokens.Unknown ? 1 : 0;
                if (id == SpecialTokens.Separator)
                {
                    lengths[Math.Min(length, LongestCounted)] = lengths.GetValueOrDefault(Math.Min(length, LongestCounted)) + 1;
                    length = 0;
                }
            }
        }

        var manifest = corpus.Manifest;
        var separators = manifest.KeptDocuments + manifest.HeldOutDocuments;
        var all = manifest.TrainingTokens + manifest.HeldOutTokens + manifest.DroppedTokens - separators;
        return new CorpusStatistics(
            (double)all / Math.Max(1, manifest.Characters), counts.Skip(SpecialTokens.FirstWord).Count(count => count == 0), Percentiles(lengths), Histogram(vocabulary, counts),
            [.. counts.Index().OrderByDescending(pair => pair.Item).ThenBy(pair => pair.Index).Take(100).Select(pair => new TokenCount(vocabulary[pair.Index], pair.Item))]);
    }

    private static Dictionary<int, int> Percentiles(SortedDictionary<int, long> lengths)
    {
        var total = lengths.Values.Sum();
        var percentiles = new Dictionary<int, int>();
        foreach (var percent in new[] { 5, 25, 50, 75, 95, 99 })
        {
            var below = 0L;
            percentiles[percent] = lengths.FirstOrDefault(pair => (below += pair.Value) * 100 >= total * percent).Key;
        }

        return percentiles;
    }

    private static long[] Histogram(IReadOnlyList<string> vocabulary, long[] counts)
    {
        var lengths = vocabulary.Select((token, id) => id < SpecialTokens.FirstWord
            ? 0 : token.StartsWith(WordPieceTrainer.ContinuingPrefix, StringComparison.Ordinal) && token.Length > 2 ? token.Length - 2 : token.Length).ToArray();
        var histogram = new long[lengths.Max() + 1];
        for (var id = 0; id < counts.Length; id++)
        {
            histogram[lengths[id]] += counts[id];
        }

        return histogram;
    }
}
