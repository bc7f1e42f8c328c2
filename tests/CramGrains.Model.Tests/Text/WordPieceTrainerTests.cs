using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Text;

public sealed class WordPieceTrainerTests
{
    private static readonly Dictionary<string, long> Words = new()
    {
        ["roses"] = 1, ["are"] = 2, ["red"] = 1, ["violets"] = 1, ["blue"] = 1, ["is"] = 2, ["big"] = 1, ["and"] = 1, ["so"] = 1,
    };

    [Fact]
    public void Train_SmallCounts_StartsWithSpecialTokensAndSortedAlphabet()
    {
        var vocabulary = Train(Words, 25);
        Assert.Equal(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "d", "e", "g", "i", "l", "n", "o", "r", "s", "t", "u", "v"], vocabulary.Take(19));
    }

    [Fact]
    public void Train_SmallCounts_MergesTheMostFrequentPairFirstAndTheSmallestOfEquals()
    {
        // Continuations in the order in which the words, sorted, show them: and are big blue is red roses so violets.
        string[] continuations = ["##n", "##d", "##r", "##e", "##i", "##g", "##l", "##u", "##s", "##o", "##t"];
        var vocabulary = Train(Words, 34);
        Assert.Equal(continuations, vocabulary.Skip(19).Take(11));
        // Twice each: (a,##r), (##r,##e), (i,##s). Of equals the smallest pair of ids: a comes before i, and i before the new ar. Then once each: (a,##n).
        Assert.Equal(["ar", "is", "are", "an"], vocabulary.Skip(30));
    }

    [Fact]
    public void Train_PairReachedOnTwoWays_SharesOneEntry()
    {
        // "abc" arises as ab + ##c and as a + ##bc; one id stands for both.
        var vocabulary = Train(new Dictionary<string, long> { ["abc"] = 10, ["ab"] = 20, ["xbc"] = 30, ["zabc"] = 5 }, 100);
        Assert.Equal(vocabulary.Count, vocabulary.Distinct().Count());
        Assert.Contains("abc", vocabulary);
        Assert.Contains("zabc", vocabulary);
    }

    [Fact]
    public void Train_OverlappingPairs_MergesFromTheLeft()
    {
        var vocabulary = Train(new Dictionary<string, long> { ["xaaa"] = 3 }, 100);
        // x ##a ##a ##a: (##a,##a) occurs twice a word, so it goes first.
        Assert.Equal(["a", "x", "##a", "##aa"], vocabulary.Skip(SpecialTokens.FirstWord).Take(4));
    }

    [Fact]
    public void Train_WordsUsedUp_GivesFewerEntries() =>
        Assert.Equal(["a", "b", "##b", "ab"], Train(new Dictionary<string, long> { ["ab"] = 1 }, 1000).Skip(SpecialTokens.FirstWord));

    [Fact]
    public void Train_RandomWords_AgreesWithAPlainTrainer()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var words = new Dictionary<string, long>();
            for (var i = 0; i < 60; i++)
            {
                words[new string([.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => (char)('a' + random.Next(4)))])] = random.Next(1, 30);
            }

            Assert.Equal(PlainTrainer.Train(words, 80), Train(words, 80));
        }
    }

    [Fact]
    public void Train_ContinuingPrefixAsText_KeepsEntriesApart()
    {
        var vocabulary = Train(new Dictionary<string, long> { ["##"] = 5, ["##."] = 4, ["a"] = 1 }, 100);
        Assert.Equal(vocabulary.Count, vocabulary.Distinct().Count());
    }

    private static IReadOnlyList<string> Train(IReadOnlyDictionary<string, long> words, int size) =>
        WordPieceTrainer.Train(words, size, cancellationToken: TestContext.Current.CancellationToken);
}
