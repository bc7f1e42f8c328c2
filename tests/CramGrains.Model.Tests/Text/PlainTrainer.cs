using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Text;

/// <summary>Hugging Face's trainer written out with sets and a linear search instead of a heap and incremental structures.</summary>
internal static class PlainTrainer
{
    private sealed record Entry((int, int) Pair, SortedSet<int> Words)
    {
        public long Count { get; set; }
    }

    public static List<string> Train(IReadOnlyDictionary<string, long> counts, int size)
    {
        var tokens = new List<string>(SpecialTokens.Names);
        var ordered = counts.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        tokens.AddRange(ordered.SelectMany(pair => pair.Key).Distinct().Order().Select(c => c.ToString()));
        var words = ordered.Select(pair => pair.Key.Select((c, i) => Id(i == 0 ? $"{c}" : $"##{c}")).ToList()).ToList();
        var pairCounts = new Dictionary<(int, int), long>();
        var queue = new List<Entry>();
        var seen = new Dictionary<(int, int), SortedSet<int>>();
        for (var w = 0; w < words.Count; w++)
        {
            for (var i = 0; i + 1 < words[w].Count; i++)
            {
                Change((words[w][i], words[w][i + 1]), ordered[w].Value, w);
            }
        }

        Push();
        while (tokens.Count < size && queue.Count > 0)
        {
            var top = queue.MinBy(entry => (-entry.Count, entry.Pair))!;
            queue.Remove(top);
            if (top.Count != pairCounts[top.Pair])
            {
                top.Count = pairCounts[top.Pair];
                queue.Add(top);
                continue;
            }

            if (top.Count < 1)
            {
                break;
            }

            var (left, right) = top.Pair;
            var merged = Id(tokens[left] + (tokens[right].StartsWith("##", StringComparison.Ordinal) ? tokens[right][2..] : tokens[right]));
            foreach (var w in top.Words)
            {
                var word = words[w];
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if ((word[i], word[i + 1]) != top.Pair)
                    {
                        continue;
                    }

                    if (i > 0)
                    {
                        Change((word[i - 1], left), -ordered[w].Value, w);
                        Change((word[i - 1], merged), ordered[w].Value, w);
                    }

                    word[i] = merged;
                    word.RemoveAt(i + 1);
                    if (i + 1 < word.Count)
                    {
                        Change((right, word[i + 1]), -ordered[w].Value, w);
                        Change((merged, word[i + 1]), ordered[w].Value, w);
                    }
                }
            }

            Push();
        }

        return tokens;

        int Id(string token)
        {
            if (!tokens.Contains(token))
            {
                tokens.Add(token);
            }

            return tokens.IndexOf(token);
        }

        void Change((int, int) pair, long change, int word)
        {
            pairCounts[pair] = pairCounts.GetValueOrDefault(pair) + change;
            if (change > 0)
            {
                (seen.TryGetValue(pair, out var set) ? set : seen[pair] = []).Add(word);
            }
        }

        void Push()
        {
            queue.AddRange(seen.Where(pair => pairCounts[pair.Key] > 0).Select(pair => new Entry(pair.Key, pair.Value) { Count = pairCounts[pair.Key] }));
            seen.Clear();
        }
    }
}
