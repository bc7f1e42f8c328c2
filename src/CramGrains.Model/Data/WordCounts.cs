using System.Collections.Concurrent;
using System.Text;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Counts words on several threads in bounded memory: a counter that has grown too large goes to the disk as a sorted run, and runs are merged at the end.</summary>
/// <remarks>The counts are exact and do not depend on threads. Where there are more words than are to be kept, those of the highest counts stay, and of equal counts all or none.</remarks>
internal sealed class WordCounts(TextNormalizerKind normalizer, string folder, CorpusOptions options) : IDisposable
{
    private readonly ConcurrentBag<WordCounter> _idle = [];
    private readonly ConcurrentBag<string> _runs = [];
    private readonly int _heldWords = Math.Max(1000, options.HeldWords / options.Threads);
    private int _runNumber;

    /// <summary>Takes a counter for the caller's thread alone.</summary>
    public WordCounter Rent() => _idle.TryTake(out var counter) ? counter : new WordCounter(normalizer);

    /// <summary>Gives it back.</summary>
    public void Return(WordCounter counter)
    {
        if (counter.Counts.Count < _heldWords)
        {
            _idle.Add(counter);
            return;
        }

        Spill(counter);
    }

    /// <summary>All counts, once every counter is back.</summary>
    public IReadOnlyDictionary<string, long> Complete()
    {
        if (_runs.IsEmpty)
        {
            var all = _idle.TryTake(out var first) ? first : new WordCounter(normalizer);
            while (_idle.TryTake(out var other))
            {
                all.Merge(other);
            }

            return all.Counts.Count <= options.TrainedWords ? all.Counts : Kept(() => all.Counts.Select(pair => (pair.Key, pair.Value)));
        }

        while (_idle.TryTake(out var counter))
        {
            Spill(counter);
        }

        return Kept(Merged);
    }

    public void Dispose() => _runs.ToList().ForEach(File.Delete);

    private Dictionary<string, long> Kept(Func<IEnumerable<(string Word, long Count)>> words)
    {
        // How many words have each count; nearly all are small.
        var frequencies = new SortedDictionary<long, long>();
        foreach (var (_, count) in words())
        {
            frequencies[count] = frequencies.GetValueOrDefault(count) + 1;
        }

        var (kept, least) = (0L, long.MaxValue);
        foreach (var (count, number) in frequencies.Reverse())
        {
            if (kept + number > options.TrainedWords)
            {
                break;
            }

            (kept, least) = (kept + number, count);
        }

        return words().Where(word => word.Count >= least).ToDictionary(word => word.Word, word => word.Count, StringComparer.Ordinal);
    }

    private void Spill(WordCounter counter)
    {
        var path = Path.Combine(folder, $"words-{Interlocked.Increment(ref _runNumber):D5}.run");
        _runs.Add(path);
        using var writer = new BinaryWriter(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16), Encoding.Unicode);
        foreach (var (word, count) in counter.Counts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            writer.Write(word);
            writer.Write7BitEncodedInt64(count);
        }
    }

    private IEnumerable<(string Word, long Count)> Merged()
    {
        var runs = _runs.Select(Read).Select(run => run.GetEnumerator()).ToList();
        try
        {
            var heads = new PriorityQueue<IEnumerator<(string Word, long Count)>, string>(StringComparer.Ordinal);
            runs.ForEach(Queue);
            while (heads.TryDequeue(out var run, out var word))
            {
                var count = run.Current.Count;
                Queue(run);
                while (heads.TryPeek(out var same, out var next) && next == word)
                {
                    heads.Dequeue();
                    count += same.Current.Count;
                    Queue(same);
                }

                yield return (word, count);
            }

            void Queue(IEnumerator<(string Word, long Count)> run)
            {
                if (run.MoveNext())
                {
                    heads.Enqueue(run, run.Current.Word);
                }
            }
        }
        finally
        {
            runs.ForEach(run => run.Dispose());
        }
    }

    private static IEnumerable<(string Word, long Count)> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        using var reader = new BinaryReader(file, Encoding.Unicode);
        while (file.Position < file.Length)
        {
            yield return (reader.ReadString(), reader.Read7BitEncodedInt64());
        }
    }
}
