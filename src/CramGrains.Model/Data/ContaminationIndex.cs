using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Data;

/// <summary>Finds documents that hold sentences of GLUE's train, dev or test files ("any raw text excluding downstream data", paper section 2). Thread-safe.</summary>
/// <remarks>
/// <para>
/// Text is compared by its letters and digits alone, in lower case, so that GLUE's own tokenisation ("it 's", "`` no ''", "-LRB-" apart) hides nothing.
/// A sentence of <see cref="MinimumCharacters"/> to <see cref="WindowCharacters"/> of them (about 8 to 13 words) is found whole; of a longer one any of its
/// windows of that length, taken every <see cref="WindowCharacters"/> characters at the start of a word, and the last. So every document that
/// holds the sentence is found, and most that hold a long part of it. Shorter sentences are not searched: ordinary text holds them by chance.
/// </para>
/// <para>
/// Matches are of 64-bit polynomial hashes; a false one in 10 GB of text has odds below one in a hundred with a million windows.
/// Memory: some 30 bytes per window, 100 MB for all nine tasks.
/// </para>
/// </remarks>
internal sealed class ContaminationIndex
{
    /// <summary>Letters and digits that a sentence needs to be searched for.</summary>
    public const int MinimumCharacters = 40;

    /// <summary>Letters and digits in a window of a longer sentence.</summary>
    public const int WindowCharacters = 64;

    private const ulong Base = 0x9E3779B97F4A7C15;
    private const int FilterBits = 1 << 26;

    private static readonly ulong[] Powers = [.. Enumerable.Range(0, WindowCharacters + 1).Select(Power)];

    // Which tasks hold a window; its key mixes hash and length.
    private readonly Dictionary<ulong, uint> _windows = [];

    // First 40 characters of every window: one look here settles nearly all places of a document.
    private readonly ulong[] _filter = new ulong[FilterBits / 64];
    private readonly HashSet<ulong> _sentences = [];

    private ContaminationIndex(IReadOnlyList<GlueTask> tasks) => Tasks = tasks;

    /// <summary>The tasks that were read.</summary>
    public IReadOnlyList<GlueTask> Tasks { get; }

    /// <summary>Distinct sentences searched for.</summary>
    public int Sentences => _sentences.Count;

    /// <summary>Sentences too short to search for.</summary>
    public int ShortSentences { get; private set; }

    /// <summary>Names the windows and their tasks.</summary>
    public string Sha256 { get; private set; } = "";

    /// <summary>Reads every task of a GLUE folder, test files where they are there.</summary>
    /// <exception cref="CorpusException">The folder cannot be read or holds no complete task.</exception>
    public static ContaminationIndex Read(string glueFolder)
    {
        try
        {
            var tasks = GlueReader.Available(glueFolder).Select(GlueTask.Of).ToList();
            if (tasks.Count == 0)
            {
                throw new CorpusException($"{glueFolder}: no complete GLUE task to remove from the corpus, expected folders such as CoLA with train.tsv and dev.tsv.");
            }

            return Of(tasks, task =>
            {
                var data = GlueReader.Read(glueFolder, task.Name);
                var splits = data.Evaluations.Append(data.Train);
                if (HasTests(glueFolder, task))
                {
                    splits = splits.Concat(GlueReader.ReadTests(glueFolder, task.Name));
                }

                return splits.SelectMany(split => split.Examples).SelectMany(example => example.Second is null ? [example.First] : new[] { example.First, example.Second });
            });
        }
        catch (GlueException problem)
        {
            throw new CorpusException($"Decontamination: {problem.Message}", problem);
        }
    }

    /// <summary>Indexes sentences by task.</summary>
    internal static ContaminationIndex Of(IReadOnlyList<GlueTask> tasks, Func<GlueTask, IEnumerable<string>> sentences)
    {
        var index = new ContaminationIndex(tasks);
        var text = new FoldedText();
        foreach (var task in tasks)
        {
            foreach (var sentence in sentences(task))
            {
                text.Fold(sentence);
                index.Add(text, 1u << (int)task.Name);
            }
        }

        index.Sha256 = index.Digest();
        return index;
    }

    /// <summary>The tasks that a text holds sentences of, one bit each at the task's number; 0 for none.</summary>
    public uint Find(string document, FoldedText text)
    {
        text.Fold(document);
        var found = 0u;
        foreach (var start in text.WordStarts)
        {
            if (start + MinimumCharacters > text.Length)
            {
                break;
            }

            var prefix = Slot(text.Hash(start, MinimumCharacters));
            if ((_filter[prefix / 64] >> (prefix % 64) & 1) == 0)
            {
                continue;
            }

            for (var length = MinimumCharacters; length <= WindowCharacters && start + length <= text.Length; length++)
            {
                found |= _windows.GetValueOrDefault(Key(text.Hash(start, length), length));
            }
        }

        return found;
    }

    private void Add(FoldedText text, uint task)
    {
        if (text.Length < MinimumCharacters)
        {
            ShortSentences++;
            return;
        }

        _sentences.Add(Key(text.Hash(0, text.Length), text.Length));
        if (text.Length <= WindowCharacters)
        {
            AddWindow(text, 0, text.Length, task);
            return;
        }

        var (next, last) = (0, 0);
        foreach (var start in text.WordStarts)
        {
            if (start + WindowCharacters > text.Length)
            {
                break;
            }

            last = start;
            if (start >= next)
            {
                AddWindow(text, start, WindowCharacters, task);
                next = start + WindowCharacters;
            }
        }

        AddWindow(text, last, WindowCharacters, task);
    }

    private void AddWindow(FoldedText text, int start, int length, uint task)
    {
        CollectionsMarshal.GetValueRefOrAddDefault(_windows, Key(text.Hash(start, length), length), out _) |= task;
        var prefix = Slot(text.Hash(start, MinimumCharacters));
        _filter[prefix / 64] |= 1UL << (prefix % 64);
    }

    private string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> bytes = stackalloc byte[12];
        foreach (var (window, tasks) in _windows.OrderBy(pair => pair.Key))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, window);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], tasks);
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static bool HasTests(string glueFolder, GlueTask task) =>
        Directory.EnumerateDirectories(glueFolder).Where(folder => string.Equals(Path.GetFileName(folder), task.Folder, StringComparison.OrdinalIgnoreCase))
            .Any(folder => task.Tests.All(file => File.Exists(Path.Combine(folder, file.FileName))));

    private static int Slot(ulong hash) => (int)(CounterRandom.Mix(hash) % FilterBits);

    private static ulong Key(ulong hash, int length) => CounterRandom.Mix(hash + ((ulong)length << 56));

    private static ulong Power(int exponent)
    {
        var power = 1UL;
        for (var i = 0; i < exponent; i++)
        {
            power *= Base;
        }

        return power;
    }

    /// <summary>The letters and digits of a text in lower case, as prefix hashes; reused. Not thread-safe.</summary>
    internal sealed class FoldedText
    {
        private readonly List<int> _wordStarts = [];
        private ulong[] _prefixes = new ulong[4096];

        /// <summary>Letters and digits.</summary>
        public int Length { get; private set; }

        /// <summary>Where words start among them.</summary>
        public IReadOnlyList<int> WordStarts => _wordStarts;

        public void Fold(string text)
        {
            if (_prefixes.Length <= text.Length)
            {
                _prefixes = new ulong[text.Length + 1];
            }

            _wordStarts.Clear();
            var (length, inWord, hash) = (0, false, 0UL);
            foreach (var c in text)
            {
                var folded = c is >= 'a' and <= 'z' ? c : c < 0x80
                    ? c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c is >= '0' and <= '9' ? c : '\0'
                    : char.IsLetterOrDigit(c) ? char.ToLowerInvariant(c) : '\0';
                if (folded == 0)
                {
                    inWord = false;
                    continue;
                }

                if (!inWord)
                {
                    _wordStarts.Add(length);
                    inWord = true;
                }

                hash = (hash * Base) + CounterRandom.Mix(folded);
                _prefixes[++length] = hash;
            }

            Length = length;
        }

        /// <summary>Hash of a part; only parts of at most a window are looked up, a whole sentence may be longer.</summary>
        public ulong Hash(int start, int length) =>
            _prefixes[start + length] - (_prefixes[start] * (length < Powers.Length ? Powers[length] : start == 0 ? 0 : Power(length)));
    }
}
