using System.Text;
using CramGrains.Model.Data;
using CramGrains.Model.Data.Duplicates;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

public sealed class DuplicateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RepeatedText_StretchInALaterDocument_IsCutThereAlone()
    {
        var stretch = Words(40, 1);
        var documents = Run([$"{Words(20, 2)} {stretch} {Words(20, 3)}", Words(30, 4), $"{Words(15, 5)} {stretch} {Words(15, 6)}"], new RepeatedTextRecipe(60), null, out var counts);
        Assert.Contains(stretch, documents[0], StringComparison.Ordinal);
        Assert.Equal(Words(30, 4), documents[1]);
        Assert.Equal($"{Words(15, 5)}{Words(15, 6)}", documents[2].Replace(" " + stretch + " ", "", StringComparison.Ordinal));
        Assert.DoesNotContain(stretch, documents[2], StringComparison.Ordinal);
        Assert.Equal(1, counts.CutDocuments);
        Assert.Equal(1, counts.CutStretches);
        Assert.InRange(counts.CutBytes, stretch.Length, stretch.Length + 2);
    }

    [Theory]
    [InlineData(40, 1000)]
    [InlineData(33, 1 << 22)]
    public void RepeatedText_RandomDocuments_CutsWhatAPlainSearchCuts(int minimum, int sortRecords)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            var pieces = Enumerable.Range(0, 12).Select(i => Words(random.Next(1, 25), (100 * seed) + i)).Append("ü😀 ß " + new string('-', 90)).ToArray();
            string[] documents = [.. Enumerable.Range(0, 25).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(1, 8)).Select(_ => pieces[random.Next(pieces.Length)])))];
            var cut = Run(documents, new RepeatedTextRecipe(minimum), null, out var counts, sortRecords);
            var (expected, bytes) = PlainCuts(documents, minimum);
            Assert.Equal(expected, cut);
            Assert.Equal(bytes, counts.CutBytes);
        }
    }

    [Fact]
    public void NearDuplicates_SlightlyChangedCopies_GoAndOthersStay()
    {
        var original = Words(300, 1);
        var changed = original.Replace(original.Split(' ')[150], "another", StringComparison.Ordinal);
        var documents = Run([original, Words(300, 2), changed, original.ToUpperInvariant() + "!", Words(300, 3), Words(2, 4), Words(2, 5), Words(2, 4)], null, new NearDuplicateRecipe(), out var counts);
        Assert.Equal([original, Words(300, 2), Words(300, 3), Words(2, 4), Words(2, 5)], documents);
        Assert.Equal(3, counts.NearDuplicates);
    }

    [Fact]
    public void NearDuplicates_ManyPairs_AreFoundBySimilarity()
    {
        string[] Pairs(double changed) => [.. Enumerable.Range(0, 60).SelectMany(i =>
        {
            var words = Words(200, 1000 + i).Split(' ');
            var random = new Random(i);
            var other = words.Select(word => random.NextDouble() < changed ? "x" + word : word);
            return new[] { string.Join(' ', words), string.Join(' ', other) };
        })];

        // A changed word changes five shingles: 1 % of words leave 0.9 in common, 10 % leave 0.4.
        Run(Pairs(0.01), null, new NearDuplicateRecipe(), out var near);
        Run(Pairs(0.10), null, new NearDuplicateRecipe(), out var far);
        Assert.InRange(near.NearDuplicates, 45, 60);
        Assert.InRange(far.NearDuplicates, 0, 2);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.5)]
    [InlineData(0.25)]
    public void Signature_TwoTexts_EstimateTheirSimilarity(double shared)
    {
        var common = Enumerable.Range(0, 2000).Select(i => $"w{i}").ToList();
        var own = common.Take((int)(2000 * shared)).Concat(Enumerable.Range(0, (int)(2000 * (1 - shared))).Select(i => $"v{i}"));
        var (a, b) = (Sign(string.Join(' ', common)), Sign(string.Join(' ', own)));
        var jaccard = shared / (2 - shared);
        Assert.InRange(DocumentSignature.Similarity(a, b), jaccard - 0.15, jaccard + 0.15);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.8)]
    [InlineData(0.95)]
    public void RowsPerBand_AnySimilarity_FindsNearlyAllPairs(double similarity)
    {
        var rows = NearDuplicates.RowsPerBand(similarity);
        Assert.True(1 - Math.Pow(1 - Math.Pow(similarity, rows), DocumentSignature.Components / rows) >= 0.99, $"{rows} rows");
        Assert.True(rows == 32 || 1 - Math.Pow(1 - Math.Pow(similarity, rows + 1), DocumentSignature.Components / (rows + 1)) < 0.99, $"{rows} rows");
    }

    [Fact]
    public void Prepare_WithBothTreatments_CountsThemAndSumsUp()
    {
        using var rig = new CorpusRig { Recipe = Treated };
        var documents = CorpusRig.Documents(300, 1).ToList();
        File.WriteAllText(rig.Source, string.Join("\n\n", documents.Concat(documents.Take(40)).Append("too").Select((document, i) => i % 50 == 0 ? $"{document} {Words(12, 9)}" : document)));
        using var plain = new CorpusRig { Recipe = Treated with { NearDuplicates = null, RepeatedText = null } };
        File.Copy(rig.Source, plain.Source);
        var manifest = rig.Prepare();
        var filtered = manifest.Filtered!;
        Assert.NotEqual(plain.Prepare().Digest, manifest.Digest);
        Assert.InRange(filtered.NearDuplicates, 40, 60);
        Assert.True(manifest.Repetitions!.CutStretches > 0);
        Assert.Equal(
            manifest.Documents,
            manifest.KeptDocuments + manifest.HeldOutDocuments + filtered.TooShort + filtered.ByWeight + filtered.NearDuplicates + filtered.RepeatedText + filtered.Contaminated + filtered.NoText + filtered.Trash);
        using var corpus = rig.Open(manifest);
        var fractions = CorpusStatistics.Of(corpus).KeptFractions;
        Assert.Equal(340.0 / 341, fractions["length"]);
        Assert.Equal((340.0 - filtered.NearDuplicates) / 340, fractions["near_duplicates"]);
        Assert.Equal(manifest.KeptDocuments + manifest.HeldOutDocuments, Math.Round(manifest.Documents * fractions.Values.Aggregate(1.0, (a, b) => a * b)));
    }

    [Fact]
    public void Prepare_DuplicatesFoundBeforeTheInterruption_AreNotLookedForAgain()
    {
        using var rig = new CorpusRig { Recipe = Treated }.WriteDocuments();
        using var whole = new CorpusRig { Recipe = Treated }.WriteDocuments();
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => rig.PrepareReporting(new Progress(report =>
        {
            if (report is { Stage: "counting words" })
            {
                stop.Cancel();
            }
        }), stop.Token));
        var stages = new List<string>();
        var manifest = rig.PrepareReporting(new Progress(report => stages.Add(report.Stage)), TestContext.Current.CancellationToken);
        Assert.DoesNotContain("finding near-duplicates", stages);
        Assert.DoesNotContain("finding repeated text", stages);
        Assert.Equal(whole.Prepare().Checksum, manifest.Checksum);
    }

    private static CorpusRecipe Treated => new(
        [], TextNormalizerKind.Crammed, 80, 16, 0.1, MinimumDocumentCharacters: 4, NearDuplicates: new NearDuplicateRecipe(0.9, 3), RepeatedText: new RepeatedTextRecipe(40));

    private static uint[] Sign(string text)
    {
        var signature = new uint[DocumentSignature.Components];
        new DocumentSignature(5).Compute(text, signature);
        return signature;
    }

    private List<string> Run(string[] documents, RepeatedTextRecipe? repeated, NearDuplicateRecipe? near, out DuplicateCounts counts, int sortRecords = 1 << 22)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, Guid.NewGuid().ToString())).FullName;
        var source = Path.Combine(folder, "text.txt");
        File.WriteAllText(source, string.Join("\n\n", documents));
        var recipe = new CorpusRecipe([], TextNormalizerKind.Crammed, 80, 16, 0.1, NearDuplicates: near, RepeatedText: repeated);
        var stream = new DocumentStream(recipe, [new SourceFile(new CorpusSource(CorpusSourceKind.Text, source), 0, source, new FileInfo(source).Length)]);
        DuplicateStage.Run(folder, recipe, stream, new CorpusOptions { Threads = 2, SortRecords = sortRecords }, null, TestContext.Current.CancellationToken);
        Assert.Empty(Directory.EnumerateFiles(folder, "*.run"));
        counts = stream.Duplicates!.Counts;
        return [.. stream.Read(_ => { }).SelectMany(batch => batch.Documents).Select(document => document.Text)];
    }

    /// <summary>The same by looking up every window in a set.</summary>
    private static (List<string> Documents, long Bytes) PlainCuts(string[] documents, int minimum)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var (result, bytes) = (new List<string>(), 0L);
        foreach (var document in documents)
        {
            var text = Encoding.UTF8.GetBytes(document);
            var repeated = new bool[text.Length];
            for (var start = 0; start + minimum <= text.Length; start++)
            {
                if (!seen.Add(Convert.ToHexString(text.AsSpan(start, minimum))))
                {
                    repeated.AsSpan(start, minimum).Fill(true);
                }
            }

            bytes += repeated.Count(cut => cut);
            // A character goes when all of its bytes do.
            var (kept, place) = (new StringBuilder(), 0);
            foreach (var rune in document.EnumerateRunes())
            {
                if (repeated.AsSpan(place, rune.Utf8SequenceLength).Contains(false))
                {
                    kept.Append(rune);
                }

                place += rune.Utf8SequenceLength;
            }

            if (!string.IsNullOrWhiteSpace(kept.ToString()))
            {
                result.Add(kept.ToString());
            }
        }

        return (result, bytes);
    }

    private static string Words(int count, int seed)
    {
        var random = new Random(seed);
        return string.Join(' ', Enumerable.Range(0, count).Select(_ => new string([.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => (char)('a' + random.Next(26)))])));
    }

    private sealed class Progress(Action<CorpusProgress> receive) : IProgress<CorpusProgress>
    {
        public void Report(CorpusProgress value) => receive(value);
    }
}
