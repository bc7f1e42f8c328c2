using CramGrains.Model.Evaluation;
using TorchSharp;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class EncodedExamplesTests
{
    private const int Classify = 2, Separator = 3;

    [Fact]
    public void Join_Pair_SeparatesBoth() => Assert.Equal([Classify, 10, 11, Separator, 20, Separator], EncodedExamples.Join([10, 11], [20], 128));

    [Fact]
    public void Join_Single_HasOneSeparator() => Assert.Equal([Classify, 10, Separator], EncodedExamples.Join([10], null, 128));

    [Fact]
    public void Join_EmptySecond_KeepsItsSeparator() => Assert.Equal([Classify, 10, Separator, Separator], EncodedExamples.Join([10], [], 128));

    [Fact]
    public void Join_TooLongPair_CutsTheLongerFirst() =>
        Assert.Equal([Classify, 10, 11, 12, Separator, 20, 21, Separator], EncodedExamples.Join([10, 11, 12, 13, 14, 15], [20, 21], 8));

    [Fact]
    public void Join_TooLongEqualPair_CutsBoth() =>
        Assert.Equal([Classify, 10, 11, Separator, 20, 21, Separator], EncodedExamples.Join([10, 11, 12], [20, 21, 22], 7));

    [Fact]
    public void Join_TooLongSingle_CutsItsEnd() => Assert.Equal([Classify, 10, 11, Separator], EncodedExamples.Join([10, 11, 12, 13], null, 4));

    [Fact]
    public void Join_PairWithTwoSeparators_HasThemBetweenAlone() =>
        Assert.Equal([Classify, 10, Separator, Separator, 20, 21, Separator], EncodedExamples.Join([10], [20, 21, 22, 23], 7, separators: 2));

    [Fact]
    public void Batch_WithSegments_MarksTheSecondSentenceAlone()
    {
        using var scope = torch.NewDisposeScope();
        var examples = new EncodedExamples(
            [new("a b", "c", 0), new("a", null, 0)], new WordHashEncoder(), new InputFormat(16, Segments: true), TestContext.Current.CancellationToken);
        var batch = examples.Batch([0, 1], multiple: 8, torch.CPU);
        Assert.Equal([0L, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], batch.Segments!.flatten().data<long>().ToArray()); // [CLS] a b [SEP] c [SEP] and padding
    }

    [Fact]
    public void Batch_OfUnequalLengths_PadsToTheNextMultipleOfEightAndMasks()
    {
        using var scope = torch.NewDisposeScope();
        var batch = Encode(128, "a", "b c d e f g h").Batch([1, 0], multiple: 8, torch.CPU);
        Assert.Equal([2, 16], batch.Ids.shape); // nine tokens with the special ones
        Assert.Equal([9L, 3], batch.Mask!.sum(1).data<long>().ToArray());
        Assert.Equal([9L, 3], batch.Ids.ne(0).sum(1).data<long>().ToArray());
    }

    [Fact]
    public void Batch_LongestAtTheLimit_IsNotPaddedBeyondIt()
    {
        using var scope = torch.NewDisposeScope();
        var batch = Encode(9, "a b c d e f g h i j", "a").Batch([0, 1], multiple: 8, torch.CPU);
        Assert.Equal([2, 9], batch.Ids.shape);
    }

    [Fact]
    public void Batch_WithoutPadding_HasNoMask()
    {
        using var scope = torch.NewDisposeScope();
        Assert.Null(Encode(128, "a b c d e f", "g h i j k l").Batch([0, 1], multiple: 8, torch.CPU).Mask);
    }

    [Fact]
    public void ByLength_OfUnequalLengths_PutsShortFirstAndKeepsTies() => Assert.Equal([1, 3, 2, 0], Encode(128, "a b c", "a", "a b", "d").ByLength());

    private static EncodedExamples Encode(int maximumLength, params string[] texts) =>
        new([.. texts.Select(text => new GlueExample(text, null, 0))], new WordHashEncoder(), new InputFormat(maximumLength), TestContext.Current.CancellationToken);
}
