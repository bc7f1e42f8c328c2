using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>How often a token occurs in the training rows.</summary>
/// <param name="Token">The entry.</param>
/// <param name="Count">Its occurrences.</param>
public sealed record TokenCount(string Token, long Count);

/// <summary>Figures of a prepared corpus, counted over all of its training rows.</summary>
/// <param name="TokensPerCharacter">Tokens of kept documents, separators left out, by their UTF-16 units.</param>
/// <param name="UnusedEntries">Entries of the vocabulary that no training row holds, special tokens left out.</param>
/// <param name="TokenLengthHistogram">Occurrences by the characters of the token, <c>##</c> left out; index 0 holds special tokens.</param>
/// <param name="TopTokens">The hundred most frequent, most frequent first.</param>
/// <param name="KeptFractions">For each filter the part of the documents that met it and passed, in the order in which a document meets them; empty where that was not counted.</param>
public sealed record CorpusStatistics(
    double TokensPerCharacter,
    int UnusedEntries,
    IReadOnlyList<long> TokenLengthHistogram,
    IReadOnlyList<TokenCount> TopTokens,
    IReadOnlyDictionary<string, double> KeptFractions)
{
    /// <summary>Reads every training row once.</summary>
    public static CorpusStatistics Of(Corpus corpus)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        var vocabulary = corpus.Vocabulary;
        var counts = new long[vocabulary.Count];
        var row = new int[corpus.Training.SequenceLength];
        for (var i = 0L; i < corpus.Training.Count; i++)
        {
            corpus.Training.CopyRow(i, row);
            foreach (var id in row)
            {
                counts[id]++;
            }
        }

        var manifest = corpus.Manifest;

        // Older corpora: exact for rows cut from documents joined by [SEP], each of them once; frames, padding and weights are in it elsewhere.
        var all = manifest.TextTokens
            ?? manifest.TrainingTokens + manifest.HeldOutTokens + manifest.DroppedTokens - manifest.KeptDocuments - manifest.HeldOutDocuments;
        return new CorpusStatistics(
            (double)all / Math.Max(1, manifest.Characters), counts.Skip(SpecialTokens.FirstWord).Count(count => count == 0), Histogram(vocabulary, counts),
            [.. counts.Index().OrderByDescending(pair => pair.Item).ThenBy(pair => pair.Index).Take(100).Select(pair => new TokenCount(vocabulary[pair.Index], pair.Item))],
            Fractions(manifest));
    }

    private static OrderedDictionary<string, double> Fractions(CorpusManifest manifest)
    {
        var fractions = new OrderedDictionary<string, double>(StringComparer.Ordinal);
        if (manifest.Filtered is not { } filtered)
        {
            return fractions;
        }

        var left = manifest.Documents;
        foreach (var (name, removed) in new (string, long)[]
        {
            ("length", filtered.TooShort), ("weight", filtered.ByWeight), ("near_duplicates", filtered.NearDuplicates), ("repeated_text", filtered.RepeatedText),
            ("decontamination", filtered.Contaminated), ("text", filtered.NoText), ("trash", filtered.Trash),
        })
        {
            fractions.Add(name, left == 0 ? 1 : (double)(left - removed) / left);
            left -= removed;
        }

        return fractions;
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
