using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Orders the training rows (paper section 4.4; the reference's curriculum_sorting.py). All sorts are stable, the reference's are not, and none needs memory for all rows.</summary>
internal static class RowOrderer
{
    /// <summary>The rows in their new order.</summary>
    /// <param name="rows">Rows as read.</param>
    /// <param name="ordering">The order.</param>
    /// <param name="vocabulary">Entries by id.</param>
    /// <param name="tokenCounts">How often each id occurs in the rows.</param>
    /// <param name="folder">Holds what does not fit into memory while it is sorted.</param>
    /// <param name="sortRecords">Rows that are sorted in memory at a time.</param>
    /// <returns>For each place the index of the row that it gets.</returns>
    public static IEnumerable<long> Order(
        ITokenRows rows, RowOrdering ordering, IReadOnlyList<string> vocabulary, IReadOnlyList<long> tokenCounts, string folder,
        int sortRecords = ExternalSorter.DefaultMemoryRecords)
    {
        var fullStop = IdOf(vocabulary, ".");
        return ordering switch
        {
            RowOrdering.Source => Places(rows.Count),
            RowOrdering.Randomized => Shuffled(rows.Count),
            RowOrdering.SentenceLength => Sorted(row => -Count(row, fullStop)),
            RowOrdering.Fragment => Sorted(row => -Count(row, SpecialTokens.Separator)),
            RowOrdering.WordLength => Sorted(TextLength(vocabulary)),
            RowOrdering.Unigram => Sorted(MeanLogProbability(tokenCounts, 1)),
            RowOrdering.ReverseUnigram => Sorted(MeanLogProbability(tokenCounts, -1)),
            _ => throw new ArgumentOutOfRangeException(nameof(ordering), ordering, "Unknown ordering."),
        };

        IEnumerable<long> Sorted(Score score) => RowOrderer.Sorted(rows, score, folder, sortRecords);
    }

    private delegate double Score(ReadOnlySpan<int> row);

    private static IEnumerable<long> Places(long count)
    {
        for (var place = 0L; place < count; place++)
        {
            yield return place;
        }
    }

    private static IEnumerable<long> Shuffled(long count)
    {
        var permutation = new RowPermutation(count, seed: 0, "order", 0);
        for (var place = 0L; place < count; place++)
        {
            yield return permutation[place];
        }
    }

    private static IEnumerable<long> Sorted(ITokenRows rows, Score score, string folder, int sortRecords)
    {
        using var sorter = new ExternalSorter(folder, "order", sortRecords);
        var row = new int[rows.SequenceLength];
        for (var i = 0L; i < rows.Count; i++)
        {
            rows.CopyRow(i, row);
            sorter.Add(ExternalSorter.KeyOf(score(row)), i);
        }

        foreach (var scored in sorter.Sorted())
        {
            yield return scored.Value;
        }
    }

    private static double Count(ReadOnlySpan<int> row, int id) => row.Count(id);

    // Absent from the vocabulary: no row holds it.
    private static int IdOf(IReadOnlyList<string> vocabulary, string token)
    {
        for (var id = 0; id < vocabulary.Count; id++)
        {
            if (vocabulary[id] == token)
            {
                return id;
            }
        }

        return -1;
    }

    /// <summary>Length of the decoded row: pieces joined by spaces, but for those that continue a word. The reference also tidies spaces before punctuation.</summary>
    private static Score TextLength(IReadOnlyList<string> vocabulary)
    {
        var lengths = vocabulary.Select(token => token.StartsWith(WordPieceTrainer.ContinuingPrefix, StringComparison.Ordinal) && token.Length > 2
            ? token.Length - 2 : token.Length + 1).ToArray();
        return row =>
        {
            var length = -1;
            foreach (var id in row)
            {
                length += lengths[id];
            }

            return length;
        };
    }

    private static Score MeanLogProbability(IReadOnlyList<long> tokenCounts, int sign)
    {
        var total = tokenCounts.Sum() + tokenCounts.Count;
        var logProbabilities = tokenCounts.Select(count => Math.Log2((count + 1.0) / total)).ToArray();
        return row =>
        {
            var sum = 0.0;
            foreach (var id in row)
            {
                sum += logProbabilities[id];
            }

            return sign * sum / row.Length;
        };
    }
}
