using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Text;

public sealed class WordCacheTests
{
    [Theory]
    [InlineData(300, 40)]
    [InlineData(30_000, 40)]
    public void TryAppend_AnyWords_GivesWhatWasAdded(int count, int longest)
    {
        var random = new Random(count);
        var cache = new WordCache();
        var known = new Dictionary<string, int[]>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            // Few letters, so that words are often the starts of others; some outside ASCII, some with a zero.
            var word = new string([.. Enumerable.Range(0, random.Next(1, longest)).Select(_ => "aab\u007Fé\0"[random.Next(100) < 97 ? random.Next(4) : random.Next(6)])]);
            var ids = new List<int>();
            Assert.Equal(known.TryGetValue(word, out var expected), cache.TryAppend(word, ids));
            Assert.Equal(expected ?? [], ids);
            if (expected is null)
            {
                int[] fresh = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next())];
                cache.Add(word, fresh);
                known.Add(word, fresh);
            }
        }
    }
}
