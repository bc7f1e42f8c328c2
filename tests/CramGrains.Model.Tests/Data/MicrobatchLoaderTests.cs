using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Data;

public sealed class MicrobatchLoaderTests
{
    private const int VocabularySize = 1000, Rows = 40, Length = 32;

    [Fact]
    public void Fill_AnyMicrobatch_MasksTheSameNumberInEachRowAndLabelsTheOriginals()
    {
        var loader = Loader();
        var microbatch = loader.CreateMicrobatch(0.25);
        for (var i = 0; i < 5; i++)
        {
            loader.Fill(microbatch, 0.25);
            var positions = microbatch.Positions[..microbatch.MaskedCount];
            Assert.Equal(8 * 4, microbatch.MaskedCount);
            Assert.Equal(positions.Distinct(), positions);
            Assert.All(positions.GroupBy(position => position / Length), row => Assert.Equal(8, row.Count()));
            for (var m = 0; m < microbatch.MaskedCount; m++)
            {
                Assert.Equal(Original(((i * 4) + (positions[m] / Length)) % Rows, positions[m] % Length), microbatch.Labels[m]);
            }
        }
    }

    [Fact]
    public void Fill_EightyTenTen_HasTheShares()
    {
        var loader = Loader();
        var microbatch = loader.CreateMicrobatch(0.25);
        var (masked, kept, total) = (0, 0, 0);
        for (var i = 0; i < 200; i++)
        {
            loader.Fill(microbatch, 0.25);
            for (var m = 0; m < microbatch.MaskedCount; m++, total++)
            {
                var id = microbatch.Ids[microbatch.Positions[m]];
                masked += id == SpecialTokens.Mask ? 1 : 0;
                kept += id == microbatch.Labels[m] ? 1 : 0;
                Assert.True(id >= SpecialTokens.Mask, "a special token as replacement");
            }
        }

        // Of 8 per row: round(6.4) = 6 are [MASK], round(7.2) - 6 = 1 is random, 1 stays; a random one hits its original once in 995.
        Assert.Equal(total * 6 / 8, masked);
        Assert.InRange(kept, total / 8, (total / 8) + (total / 200));
    }

    [Fact]
    public void Fill_PaddedRows_NeverMasksPaddingAndKeepsTheCount()
    {
        int[] Padded(int tokens) => [.. Enumerable.Range(0, Length).Select(i => i < tokens ? 100 + i : SpecialTokens.Pad)];
        var loader = new MicrobatchLoader(new ArrayRows(Padded(32), Padded(5), Padded(20), Padded(30)), VocabularySize, 4, 1, MaskingKind.EightyTenTen);
        var microbatch = loader.CreateMicrobatch(0.25);
        loader.Fill(microbatch, 0.25);
        Assert.Equal(32, microbatch.MaskedCount);
        Assert.DoesNotContain(SpecialTokens.Pad, microbatch.Labels);
    }

    [Fact]
    public void Fill_FramedRows_MasksTextAlone()
    {
        int[] Row(int second) => [.. Enumerable.Range(0, Length).Select(i => i == 0 ? SpecialTokens.Classify : i == second || i == Length - 1 ? SpecialTokens.Separator : 100 + i)];
        var rows = new ArrayRows(Row(9), Row(0), Row(20), Row(12));
        var loader = new MicrobatchLoader(rows, VocabularySize, 4, 1, MaskingKind.AllMask, textOnly: true);
        var microbatch = loader.CreateMicrobatch(0.9);
        for (var i = 0; i < 8; i++)
        {
            loader.Fill(microbatch, 0.9);
            Assert.Equal(4 * 29, microbatch.MaskedCount);
            Assert.All(microbatch.Labels[..microbatch.MaskedCount], label => Assert.False(SpecialTokens.IsFrame(label)));
        }
    }

    [Fact]
    public void Fill_SecondEpoch_IsAPermutationInAnotherOrder()
    {
        var loader = Loader();
        List<int> Epoch() => [.. Enumerable.Range(0, Rows / 4).SelectMany(_ => RowsOf(loader))];
        var first = Epoch();
        Assert.Equal(Enumerable.Range(0, Rows), first);
        foreach (var later in new[] { Epoch(), Epoch() })
        {
            Assert.Equal(Enumerable.Range(0, Rows), later.Order());
            Assert.NotEqual(first, later);
            first = later;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(23)]
    public void Position_SetOnAnotherLoader_GoesOnBitwiseEqual(int position)
    {
        var straight = Loader();
        var microbatch = straight.CreateMicrobatch(0.25);
        for (var i = 0; i < position; i++)
        {
            straight.Fill(microbatch, 0.25);
        }

        var resumed = Loader();
        resumed.Position = straight.Position;
        var other = resumed.CreateMicrobatch(0.25);
        for (var i = 0; i < 15; i++)
        {
            straight.Fill(microbatch, 0.25);
            resumed.Fill(other, 0.25);
            Assert.Equal(microbatch.Ids, other.Ids);
            Assert.Equal(microbatch.Positions, other.Positions);
            Assert.Equal(microbatch.Labels, other.Labels);
        }
    }

    [Fact]
    public void New_FewerRowsThanAMicrobatch_SaysSo() =>
        Assert.Contains("training.microbatch_size = 41", Assert.Throws<CorpusException>(() => Loader(microbatch: 41)).Message);

    private static int Original(int row, int column) => SpecialTokens.FirstWord + row + (column % 2 * Rows);

    private static IEnumerable<int> RowsOf(MicrobatchLoader loader)
    {
        var microbatch = loader.CreateMicrobatch(0.25);
        loader.Fill(microbatch, 0.25);
        for (var m = 0; m < microbatch.MaskedCount; m++)
        {
            microbatch.Ids[microbatch.Positions[m]] = microbatch.Labels[m];
        }

        return Enumerable.Range(0, 4).Select(row => microbatch.Ids[row * Length] - SpecialTokens.FirstWord);
    }

    private static MicrobatchLoader Loader(int microbatch = 4) => new(
        new ArrayRows([.. Enumerable.Range(0, Rows).Select(row => Enumerable.Range(0, Length).Select(column => Original(row, column)).ToArray())]),
        VocabularySize, microbatch, 11, MaskingKind.EightyTenTen);
}
