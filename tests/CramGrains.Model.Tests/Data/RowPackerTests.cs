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

    private static (List<string> Rows, long Dropped) Pack(RowPacking packing, int sequenceLength, int[][] documents)
    {
        var rows = new List<string>();
        var packer = new RowPacker(packing, sequenceLength);
        foreach (var document in documents)
        {
            packer.Add(document, row =>
            {
                Assert.Equal(sequenceLength, row.Length);
                rows.Add(string.Join(' ', row.ToArray()));
            });

            // As after an interruption.
            var state = packer.State();
            packer = new RowPacker(packing, sequenceLength);
            packer.Restore(state);
        }

        packer.Complete();
        return (rows, packer.DroppedTokens);
    }
}
