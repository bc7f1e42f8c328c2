using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Text;

public sealed class WordPieceEncoderTests
{
    private static readonly string[] Vocabulary = [.. SpecialTokens.Names, "un", "##aff", "##able", "a", "##a", "!", "##!", "!!", "ab", "😀", "##😀"];

    [Theory]
    [InlineData("", "")]
    [InlineData("   ", "")]
    [InlineData("UNaffable", "un ##aff ##able")]
    [InlineData("unaffableX a", "[UNK] a")] // one bad part spoils the word
    [InlineData("aba", "ab ##a")] // longest match first
    [InlineData("!!!", "!! ##!")]
    [InlineData("[MASK]", "[UNK] [UNK] [UNK]")] // special tokens in text are text: three words
    public void Encode_Crammed_TakesTheLongestMatch(string text, string expected) =>
        Assert.Equal(expected, Pieces(new WordPieceEncoder(Vocabulary, TextNormalizerKind.Crammed), text));

    [Fact]
    public void Encode_WordOfHundredCharacters_IsEncodedAndOneMoreIsUnknown()
    {
        var encoder = new WordPieceEncoder(Vocabulary, TextNormalizerKind.None);
        Assert.Equal(100, encoder.Encode(new string('a', 100)).Count);
        Assert.Equal([SpecialTokens.Unknown], encoder.Encode(new string('a', 101)));
    }

    [Fact]
    public void Encode_CharactersOutsideTheBasicPlane_CountAsOneEach()
    {
        var encoder = new WordPieceEncoder(Vocabulary, TextNormalizerKind.None);
        Assert.Equal(100, encoder.Encode(string.Concat(Enumerable.Repeat("😀", 100))).Count);
        Assert.Equal([SpecialTokens.Unknown], encoder.Encode(string.Concat(Enumerable.Repeat("😀", 101))));
    }

    [Theory]
    [InlineData(TextNormalizerKind.Crammed)]
    [InlineData(TextNormalizerKind.Bert)]
    [InlineData(TextNormalizerKind.None)]
    public void Encode_RandomText_AgreesWithAPlainGreedyMatcher(TextNormalizerKind kind)
    {
        var random = new Random(7);
        var alphabet = "abcdé. 'A!\t😀";
        var words = new WordCounter(kind);
        var texts = Enumerable.Range(0, 200).Select(_ => string.Concat(Enumerable.Range(0, 60).Select(_ => alphabet.EnumerateRunes().ElementAt(random.Next(12)).ToString()))).ToList();
        texts.Take(100).ToList().ForEach(text => words.Add(text));
        var encoder = new WordPieceEncoder(WordPieceTrainer.Train(words.Counts, 90, cancellationToken: TestContext.Current.CancellationToken), kind);
        foreach (var text in texts)
        {
            Assert.Equal(PlainIds(encoder.Vocabulary, kind, text), encoder.Encode(text));
        }
    }

    [Fact]
    public async Task Encode_FromManyThreads_GivesTheSameIds()
    {
        var encoder = new WordPieceEncoder(Vocabulary, TextNormalizerKind.Crammed);
        var expected = encoder.Encode("unaffable aba !!!");
        var results = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => encoder.Encode("unaffable aba !!!"))));
        Assert.All(results, ids => Assert.Equal(expected, ids));
    }

    [Fact]
    public void Constructor_WithoutSpecialTokensFirst_Throws() =>
        Assert.Contains("[PAD]", Assert.Throws<ArgumentException>(() => new WordPieceEncoder(["a", "b"], TextNormalizerKind.None)).Message, StringComparison.Ordinal);

    private static string Pieces(WordPieceEncoder encoder, string text) => string.Join(' ', encoder.Encode(text).Select(id => encoder.Vocabulary[id]));

    private static List<int> PlainIds(IReadOnlyList<string> vocabulary, TextNormalizerKind kind, string text)
    {
        var ids = vocabulary.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id, StringComparer.Ordinal);
        var normalized = TextNormalizer.For(kind).Normalize(text);
        var result = new List<int>();
        var position = 0;
        while (WordSplitter.For(kind).TryNext(normalized, ref position, out var span))
        {
            var runes = span.ToString().EnumerateRunes().Select(rune => rune.ToString()).ToList();
            var pieces = new List<int>();
            for (var start = 0; start < runes.Count;)
            {
                var end = runes.Count;
                while (end > start && !ids.ContainsKey((start > 0 ? "##" : "") + string.Concat(runes[start..end])))
                {
                    end--;
                }

                if (end == start)
                {
                    pieces = [SpecialTokens.Unknown];
                    break;
                }

                pieces.Add(ids[(start > 0 ? "##" : "") + string.Concat(runes[start..end])]);
                start = end;
            }

            result.AddRange(pieces);
        }

        return result;
    }
}
