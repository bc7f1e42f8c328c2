using CramGrains.Model.Cuda;

namespace CramGrains.Model.Tests.Cuda;

public sealed class EmbeddingOrderTests
{
    [Fact]
    public void Build_FrequentRareAndPaddingTokens_CoversEachPositionOnceInOrder()
    {
        const int Vocabulary = 50, Tokens = 400;
        var random = new Random(3);
        // Token 4 is frequent, as [MASK] is; token 7 fills exactly one piece; 0 is padding.
        int[] ids = [.. Enumerable.Range(0, Tokens).Select(i => i < 200 ? 4 : i < 200 + EmbeddingOrder.PieceLength ? 7 : random.Next(Vocabulary))];
        ids[300] = 0;
        ids[301] = Vocabulary - 1;
        random.Shuffle(ids);
        var order = new EmbeddingOrder(Vocabulary, Tokens);
        for (int again = 0; again < 2; again++)
        {
            order.Build(ids);
            var covered = new Dictionary<int, List<int>>();
            for (int p = 0; p < order.Pieces; p++)
            {
                int target = order.Targets[p], length = order.Starts[p + 1] - order.Starts[p];
                Assert.InRange(length, 1, EmbeddingOrder.PieceLength);
                int token = target >= 0 ? target : TokenOfPartial(order, -1 - target);
                covered.TryAdd(token, []);
                covered[token].AddRange(order.Order[order.Starts[p]..order.Starts[p + 1]]);
            }

            foreach (IGrouping<int, int> expected in Enumerable.Range(0, Tokens).Where(i => ids[i] != 0).GroupBy(i => ids[i]))
            {
                Assert.Equal(expected, covered[expected.Key]);
                covered.Remove(expected.Key);
            }

            Assert.Empty(covered);
        }
    }

    [Fact]
    public void Build_OnePaddedRow_HasNoPieces()
    {
        var order = new EmbeddingOrder(10, 8);
        order.Build(new int[8]);
        Assert.Equal((0, 0), (order.Pieces, order.LongTokens));
    }

    [Fact]
    public void Build_OneTokenEverywhere_FitsTheRoomForPartialSums()
    {
        var order = new EmbeddingOrder(10, 1000);
        order.Build(Enumerable.Repeat(9, 1000).ToArray());
        Assert.Equal((16, 1), (order.Pieces, order.LongTokens));
        Assert.InRange(16, 1, EmbeddingOrder.MaximumPartials(1000));
    }

    private static int TokenOfPartial(EmbeddingOrder order, int partial)
    {
        for (int k = 0; k < order.LongTokens; k++)
        {
            if (partial >= order.Long[(3 * k) + 1] && partial < order.Long[(3 * k) + 1] + order.Long[(3 * k) + 2])
            {
                return order.Long[3 * k];
            }
        }

        throw new InvalidOperationException($"No token of several pieces has partial row {partial}.");
    }
}
