using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Text;

public sealed class NormalizerTests
{
    [Theory]
    [InlineData("Hello  World", "hello world")]
    [InlineData("``Crème brûlée''", "\"creme brulee\"")]
    [InlineData("'''", "\"'")]
    [InlineData("\uFF07\u1FEF", "`")] // NFD makes a back-tick of U+1FEF after quotes were unified; U+FF07 is not canonical.
    [InlineData("a \u2014 b", "a  b")] // The dash goes after spaces are collapsed.
    [InlineData("a \u0301 b", "a b")] // The accent goes before.
    [InlineData("10\u00A0km", "10km")]
    [InlineData("don\u2019t", "dont")]
    [InlineData("\u2260 \u212A \u212B", "= k a")] // not equal, Kelvin, Angstrom
    [InlineData("\u0130stanbul", "istanbul")]
    [InlineData("日本 \U0001F600!", " !")]
    [InlineData("tab\tline\nnul\u0001", "tab\tline\nnul\u0001")]
    [InlineData("\u1EA4\u01DF", "aa")] // two accents on one letter
    public void Crammed_Text_FollowsTheReferencesOrder(string text, string expected) =>
        Assert.Equal(expected, TextNormalizer.For(TextNormalizerKind.Crammed).Normalize(text));

    [Theory]
    [InlineData("Héllo\tWorld", "hello world")]
    [InlineData("a\u0000b\uFFFDc\u200Dd", "abcd")] // zero, replacement, format character
    [InlineData("日本x", " 日  本 x")]
    [InlineData("\u0085", "")] // white space, but a control character first
    [InlineData("\u00A0", " ")]
    [InlineData("각", "\u1100\u1161\u11A8")] // Hangul is decomposed by arithmetic
    [InlineData("ÀΣ", "aσ")]
    [InlineData("\u0915\u093F", "\u0915\u093F")] // a spacing mark stays
    [InlineData("\u2014", "\u2014")]
    public void Bert_Text_FollowsHuggingFace(string text, string expected) =>
        Assert.Equal(expected, TextNormalizer.For(TextNormalizerKind.Bert).Normalize(text));

    [Fact]
    public void Crammed_AnyText_GivesAsciiWithoutUpperCase()
    {
        var random = new Random(1);
        for (var trial = 0; trial < 200; trial++)
        {
            var text = new string([.. Enumerable.Range(0, 50).Select(_ => (char)random.Next(1, 0x3000))]);
            var normalized = TextNormalizer.For(TextNormalizerKind.Crammed).Normalize(text);
            Assert.All(normalized, c => Assert.True(c < 0x80 && !char.IsAsciiLetterUpper(c)));
        }
    }

    [Theory]
    [InlineData(TextNormalizerKind.Crammed, "don't stop!!! 3rd_one", "don|'|t|stop|!!!|3rd_one")]
    [InlineData(TextNormalizerKind.None, "naïve — ½ x\u0301y ⓐ", "naïve|—|½|x\u0301y|ⓐ")]
    [InlineData(TextNormalizerKind.Bert, "don't stop!!! 3rd_one", "don|'|t|stop|!|!|!|3rd|_|one")]
    [InlineData(TextNormalizerKind.Bert, "¿que? $5", "¿|que|?|$|5")]
    [InlineData(TextNormalizerKind.Crammed, " \n\t ", "")]
    public void Splitter_Text_FindsTheWordsOfHuggingFace(TextNormalizerKind kind, string text, string expected)
    {
        var splitter = WordSplitter.For(kind);
        var words = new List<string>();
        var position = 0;
        while (splitter.TryNext(text, ref position, out var word))
        {
            words.Add(word.ToString());
        }

        Assert.Equal(expected, string.Join('|', words));
    }
}
