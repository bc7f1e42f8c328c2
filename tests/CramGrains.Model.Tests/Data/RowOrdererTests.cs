using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Data;

public sealed class RowOrdererTests : IDisposable
{
    // Ids:                                                             5    6    7       8
    private static readonly string[] Vocabulary = [.. SpecialTokens.Names, ".", "a", "##bc", "long"];
    private static readonly long[] Counts = [0, 0, 0, 3, 0, 4, 8, 2, 1];

    // Decoded: "a . a a" | "long [SEP] abc" | ". . . [SEP]" | "a a [SEP] a" | "a . a a"
    private static readonly ArrayRows Rows = new([6, 5, 6, 6], [8, 3, 6, 7], [5, 5, 5, 3], [6, 6, 3, 6], [6, 5, 6, 6]);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(RowOrdering.Source, "0 1 2 3 4")]
    [InlineData(RowOrdering.Randomized, "3 2 4 0 1")]
    [InlineData(RowOrdering.SentenceLength, "2 0 4 1 3")] // full stops 1 0 3 0 1, most first
    [InlineData(RowOrdering.Fragment, "1 2 3 0 4")] // separators 0 1 1 1 0, most first
    [InlineData(RowOrdering.WordLength, "0 4 2 3 1")] // characters 7 14 11 11 7, fewest first
    [InlineData(RowOrdering.Unigram, "1 2 3 0 4")] // least likely first
    [InlineData(RowOrdering.ReverseUnigram, "0 4 3 2 1")]
    public void Order_FiveRows_IsStableAndAsTheReferenceMeans(RowOrdering ordering, string expected) =>
        Assert.Equal(expected, string.Join(' ', RowOrderer.Order(Rows, ordering, Vocabulary, Counts, _folder.Path)));

    [Theory]
    [InlineData(RowOrdering.Randomized)]
    [InlineData(RowOrdering.WordLength)]
    [InlineData(RowOrdering.Unigram)]
    public void Order_ManyRows_IsAPermutation(RowOrdering ordering)
    {
        var random = new Random(3);
        var rows = new ArrayRows([.. Enumerable.Range(0, 1000).Select(_ => Enumerable.Range(0, 8).Select(_ => random.Next(3, 9)).ToArray())]);
        var order = RowOrderer.Order(rows, ordering, Vocabulary, Counts, _folder.Path).ToList();
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => (long)i), order.Order());
        Assert.NotEqual(order.Order(), order);
    }

    [Theory]
    [InlineData(RowOrdering.SentenceLength)]
    [InlineData(RowOrdering.Fragment)]
    [InlineData(RowOrdering.WordLength)]
    [InlineData(RowOrdering.Unigram)]
    [InlineData(RowOrdering.ReverseUnigram)]
    public void Order_RowsThatDoNotFitIntoMemory_IsTheSameAndStable(RowOrdering ordering)
    {
        var random = new Random(4);
        int[][] content = [.. Enumerable.Range(0, 3000).Select(_ => Enumerable.Range(0, 6).Select(_ => random.Next(3, 9)).ToArray())];
        var rows = new ArrayRows(content);
        var inMemory = RowOrderer.Order(rows, ordering, Vocabulary, Counts, _folder.Path).ToList();
        var onDisk = RowOrderer.Order(rows, ordering, Vocabulary, Counts, _folder.Path, sortRecords: 100).ToList();
        Assert.Equal(inMemory, onDisk);
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));

        // Rows that no ordering can tell apart stay as they were read.
        var places = inMemory.GroupBy(row => string.Join(' ', content[row]));
        Assert.Contains(places, group => group.Count() > 1);
        Assert.All(places, group => Assert.Equal(group.Order(), group));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(4097)]
    public void RowPermutation_AnyCount_VisitsEachPlaceOnce(int count)
    {
        for (var epoch = 0UL; epoch < 3; epoch++)
        {
            var permutation = new RowPermutation(count, 7, "shuffle", epoch);
            Assert.Equal(Enumerable.Range(0, count), Enumerable.Range(0, count).Select(place => (int)permutation[place]).Order());
        }
    }

    [Fact]
    public void RowPermutation_OtherSeedOrEpoch_IsAnotherOrder()
    {
        long[] Places(long seed, ulong epoch)
        {
            var permutation = new RowPermutation(100, seed, "shuffle", epoch);
            return [.. Enumerable.Range(0, 100).Select(place => permutation[place])];
        }

        Assert.Equal(Places(1, 1), Places(1, 1));
        Assert.NotEqual(Places(1, 1), Places(1, 2));
        Assert.NotEqual(Places(1, 1), Places(2, 1));
    }
}
