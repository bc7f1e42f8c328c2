using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Data;

public sealed class RowPackerTests
{
    [Fact]
    public void Add_Continuous_JoinsDocumentsBySeparatorsAndDropsTheLastPart()
    {
        var (rows, dropped) = Pack(RowPacking.Continuous, 4, [[10, 11, 12], [], [13, 14, 15, 16, 17]]);
        Assert.Equal(["10 11 12 3", "13 14 15 16"], rows);
        Assert.Equal(2, dropped);
    }

    [Fact]
    public void Add_ReferenceGroups_DropsTheRemainderOfEveryGroup()
    {
        var documents = Enumerable.Repeat(new[] { 10, 11 }, RowPacker.ReferenceGroupDocuments + 1).ToArray();
        var (rows, dropped) = Pack(RowPacking.ReferenceGroups, 10, documents);
        Assert.Equal(RowPacker.ReferenceGroupDocuments * 3 / 10, rows.Count);
        Assert.Equal((RowPacker.ReferenceGroupDocuments * 3 % 10) + 3, dropped);
    }

    [Fact]
    public void Add_WithinDocument_FramesEachRowAndPadsShortTails()
    {
        var (rows, dropped) = Pack(RowPacking.WithinDocument, 10, [[.. Enumerable.Range(10, 10)], [.. Enumerable.Range(30, 9)]]);
        Assert.Equal(["2 10 11 12 13 14 15 16 17 3", "2 18 19 3 0 0 0 0 0 0", "2 30 31 32 33 34 35 36 37 3"], rows);
        Assert.Equal(1, dropped); // a tail of one token of eight
    }

    [Fact]
    public void Add_Framed_CutsLongDocumentsAndJoinsShortOnes()
    {
        // Rows of 10 hold 8 tokens of text: 19 = 8 + 8 + a tail of 3, which begins 5 earlier; of 17 the tail of one is dropped; 3, 3 and 5 are joined.
        var (rows, dropped) = Pack(RowPacking.Framed, 10, [[.. Enumerable.Range(10, 19)], [.. Enumerable.Range(40, 17)], [60, 61, 62], [63, 64, 65], [66, 67, 68, 69, 70]]);
        Assert.Equal(
            [
                "2 10 11 12 13 14 15 16 17 3", "2 18 19 20 21 22 23 24 25 3", "2 21 22 23 24 25 26 27 28 3",
                "2 40 41 42 43 44 45 46 47 3", "2 48 49 50 51 52 53 54 55 3",
                "2 60 61 62 3 63 64 65 3 3", // one place is left: a second separator
            ],
            rows);
        Assert.Equal(1 + 5, dropped); // the tail, and the row that is not full
    }

    [Fact]
    public void Add_FramedPairs_HoldConsecutiveSegmentsOfOneDocumentInTheirFraction()
    {
        var random = new Random(5);
        int[][] documents = [.. Enumerable.Range(0, 200).Select(_ => Enumerable.Range(0, random.Next(126, 1000)).Select(_ => random.Next(5, 30_000)).ToArray())];
        var (rows, _) = Pack(RowPacking.Framed, 128, documents, pairFraction: 0.3);
        int[][] ids = [.. rows.Select(row => row.Split(' ').Select(int.Parse).ToArray())];
        var pairs = ids.Where(row => row.Count(id => id == SpecialTokens.Separator) == 2).ToList();
        Assert.InRange(pairs.Count / (double)ids.Length, 0.25, 0.35);
        Assert.All(pairs, row => Assert.InRange(Array.IndexOf(row, SpecialTokens.Separator), 1 + 31, 1 + 94));
        Assert.True(pairs.Select(row => Array.IndexOf(row, SpecialTokens.Separator)).Distinct().Count() > 20);
        var text = string.Join(" | ", documents.Select(document => string.Join(' ', document)));
        Assert.All(ids, row => Assert.Contains(string.Join(' ', row.Where(id => id >= SpecialTokens.FirstWord)), text, StringComparison.Ordinal));
    }

    [Fact]
    public void Add_FramedRandomDocuments_LosesNoTokenUncountedAndFillsEveryRow()
    {
        for (var seed = 0; seed < 8; seed++)
        {
            var random = new Random(seed);
            var next = SpecialTokens.FirstWord;
            int[][] documents = [.. Enumerable.Range(0, 800).Select(_ => Enumerable.Range(0, random.Next(0, 60)).Select(_ => next++).ToArray())];
            var (rows, dropped) = Pack(RowPacking.Framed, random.Next(8, 33), documents, random.NextDouble());
            Assert.All(rows, row => Assert.StartsWith("2 ", row, StringComparison.Ordinal));
            Assert.All(rows, row => Assert.EndsWith(" 3", row, StringComparison.Ordinal));
            Assert.All(rows, row => Assert.DoesNotContain(" 0", row, StringComparison.Ordinal));
            var packed = rows.SelectMany(row => row.Split(' ')).Select(int.Parse).Where(id => id >= SpecialTokens.FirstWord).Distinct().Count();
            Assert.Equal(documents.Sum(document => document.Length), packed + dropped);
        }
    }

    [Theory]
    [InlineData(RowPacking.Continuous)]
    [InlineData(RowPacking.ReferenceGroups)]
    [InlineData(RowPacking.WithinDocument)]
    public void Add_RandomDocuments_LosesAndInventsNoToken(RowPacking packing)
    {
        for (var seed = 0; seed < 8; seed++)
        {
            var random = new Random(seed);
            var next = SpecialTokens.FirstWord;
            int[][] documents = [.. Enumerable.Range(0, 1500).Select(_ => Enumerable.Range(0, random.Next(0, 40)).Select(_ => next++).ToArray())];
            var (rows, dropped) = Pack(packing, random.Next(4, 33), documents);

            // Ids only grow, so order and uniqueness show in one pass.
            var packed = rows.SelectMany(row => row.Split(' ')).Select(int.Parse).Where(id => id >= SpecialTokens.FirstWord).ToList();
            Assert.Equal(packed.Order().Distinct(), packed);
            var separators = packing == RowPacking.WithinDocument
                ? 0
                : documents.Count(document => document.Length > 0) - rows.Sum(row => row.Split(' ').Count(id => id == "3"));
            Assert.Equal(documents.Sum(document => document.Length), packed.Count + dropped - separators);
        }
    }

    private static (List<string> Rows, long Dropped) Pack(RowPacking packing, int sequenceLength, int[][] documents, double pairFraction = 0)
    {
        var rows = new List<string>();
        var packer = new RowPacker(packing, sequenceLength, pairFraction);
        foreach (var document in documents)
        {
            packer.Add(document, row =>
            {
                Assert.Equal(sequenceLength, row.Length);
                rows.Add(string.Join(' ', row.ToArray()));
            });

            // As after an interruption.
            var state = packer.State();
            packer = new RowPacker(packing, sequenceLength, pairFraction);
            packer.Restore(state);
        }

        packer.Complete();
        return (rows, packer.DroppedTokens);
    }
}
