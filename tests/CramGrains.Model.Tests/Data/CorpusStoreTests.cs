using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

public sealed class CorpusStoreTests
{
    [Fact]
    public void Open_PreparedCorpus_HoldsTheTokensOfItsDocuments()
    {
        using var rig = new CorpusRig().WriteDocuments();
        using var corpus = rig.Open(rig.Prepare());
        var manifest = corpus.Manifest;
        Assert.Equal(300, manifest.Documents);
        Assert.Equal(300, manifest.KeptDocuments + manifest.HeldOutDocuments);
        Assert.True(corpus.Manifest.Files.Count(file => file.Part == CorpusPart.Training) > 1, "expected several shards");

        var expected = CorpusRig.Documents(300, 1).Sum(document => corpus.Encoder.Encode(document).Count + 1L);
        Assert.Equal(expected, manifest.TrainingTokens + manifest.HeldOutTokens + manifest.DroppedTokens);
        Assert.Equal(manifest.TrainingTokens, corpus.Training.Count * 16);
        Assert.Equal(manifest.HeldOutTokens, corpus.HeldOut.Count * 16);
    }

    [Fact]
    public void Open_VocabularyBeyondSixteenBits_StoresFourBytesATokenAndLosesNone()
    {
        const int size = 66_000;
        using var rig = new CorpusRig { Recipe = new([], TextNormalizerKind.Crammed, size, SequenceLength: 16, HeldOutFraction: 0.1) };
        var random = new Random(1);
        var documents = Enumerable.Range(0, 2_000).Select(_ => string.Join(' ', Enumerable.Range(0, 40).Select(_ => random.GetString("abcdefghijklmnopqrstuvwxyz", 7)))).ToList();
        File.WriteAllText(rig.Source, string.Join("\n\n", documents) + "\n");

        var manifest = rig.Prepare();

        Assert.Equal((size, 4), (manifest.VocabularySize, manifest.TokenBytes));
        using var corpus = rig.Open(manifest);
        var expected = documents.Sum(document => corpus.Encoder.Encode(document).Count + 1L);
        Assert.Equal(expected, manifest.TrainingTokens + manifest.HeldOutTokens + manifest.DroppedTokens);
        var row = new int[16];
        var largest = 0;
        for (long r = 0; r < corpus.Training.Count; r++)
        {
            corpus.Training.CopyRow(r, row);
            largest = Math.Max(largest, row.Max());
        }

        Assert.InRange(largest, 65_536, size - 1);
    }

    [Fact]
    public void Open_AnyFileCut_SaysWhichFile()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var manifest = rig.Prepare();
        foreach (var name in manifest.Files.Select(file => file.Name).Append(CorpusManifest.FileName))
        {
            var path = Path.Combine(rig.FolderOf(manifest), name);
            var content = File.ReadAllBytes(path);
            foreach (var length in new[] { 0, 1, content.Length / 2, content.Length - 1 })
            {
                File.WriteAllBytes(path, content[..length]);
                Assert.Contains(name, Assert.Throws<CorpusException>(() => Corpus.Open(rig.FolderOf(manifest), verify: false)).Message);
            }

            File.WriteAllBytes(path, content);
        }
    }

    [Fact]
    public void Open_AnyBitFlipped_SaysWhichFile()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var manifest = rig.Prepare();
        var random = new Random(5);
        foreach (var name in manifest.Files.Select(file => file.Name).Append(CorpusManifest.FileName))
        {
            var path = Path.Combine(rig.FolderOf(manifest), name);
            var content = File.ReadAllBytes(path);
            for (var flip = 0; flip < 20; flip++)
            {
                var altered = (byte[])content.Clone();
                altered[random.Next(altered.Length)] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(path, altered);
                Assert.Contains(name, Assert.Throws<CorpusException>(() => Corpus.Open(rig.FolderOf(manifest), verify: true)).Message);
            }

            File.WriteAllBytes(path, content);
        }
    }

    [Fact]
    public void Open_AnyByteOfHeaderOrEdgeChanged_IsFound()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var manifest = rig.Prepare();
        var shard = manifest.Files.First(file => file.Part == CorpusPart.Training);
        var path = Path.Combine(rig.FolderOf(manifest), shard.Name);
        var content = File.ReadAllBytes(path);

        // Each byte of the header, of the first and the last row, and some of every row between.
        foreach (var offset in Enumerable.Range(0, 64 + 32).Concat(Enumerable.Range(content.Length - 32, 32)).Concat(Enumerable.Range(0, content.Length / 37).Select(i => i * 37)))
        {
            content[offset] ^= (byte)(1 << (offset % 8));
            File.WriteAllBytes(path, content);
            Assert.Contains(shard.Name, Assert.Throws<CorpusException>(() => Corpus.Open(rig.FolderOf(manifest), verify: true)).Message);
            if (offset < 64)
            {
                // The header is looked at whenever a corpus is opened.
                Assert.Throws<CorpusException>(() => Corpus.Open(rig.FolderOf(manifest), verify: false));
            }

            content[offset] ^= (byte)(1 << (offset % 8));
        }

        File.WriteAllBytes(path, content);
        rig.Open(manifest).Dispose();
    }

    [Fact]
    public void Open_ManifestOfBeforeTheFiltersWereCounted_IsRead()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var manifest = rig.Prepare();
        var older = (manifest with { Filtered = null, Repetitions = null, CompressibilityHistogram = null }).Sealed();
        Assert.DoesNotContain("filtered", older.ToJson());
        File.WriteAllText(Path.Combine(rig.FolderOf(manifest), CorpusManifest.FileName), older.ToJson());
        using var corpus = rig.Open(manifest);
        Assert.Empty(CorpusStatistics.Of(corpus).KeptFractions);
    }

    [Theory]
    [InlineData(RowPacking.Continuous, 1)]
    [InlineData(RowPacking.Continuous, 3)]
    [InlineData(RowPacking.WithinDocument, 1)]
    [InlineData(RowPacking.Framed, 1)]
    public void TokensPerCharacter_OfAnyPackingAndWeight_AreThoseOfTheText(RowPacking packing, double weight)
    {
        using var rig = new CorpusRig().WriteDocuments();
        var recipe = rig.Recipe with { Packing = packing, Sources = [new CorpusSource(CorpusSourceKind.Text, rig.Source, weight)] };
        using var corpus = rig.Open(CorpusBuilder.Prepare(recipe, rig.Corpora, rig.Options, null, TestContext.Current.CancellationToken));
        string[] documents = [.. CorpusRig.Documents(300, 1)];
        Assert.Equal((double)documents.Sum(text => corpus.Encoder.Encode(text).Count) / documents.Sum(text => text.Length), CorpusStatistics.Of(corpus).TokensPerCharacter, 1e-12);
    }

    [Fact]
    public void Prepare_TextOfTheFirstVersionsGolden_GivesItsDigestAndItsRows()
    {
        var golden = Path.Combine(Goldens.Folder, "corpus-v1");
        using var first = Corpus.Open(golden, verify: true);
        using var rig = new CorpusRig { Recipe = first.Manifest.Recipe, Options = new() { Threads = 2 } };
        File.Copy(Path.Combine(golden, "golden.txt"), rig.Source);
        var manifest = rig.Prepare();
        Assert.Equal(first.Manifest.Digest, manifest.Digest);
        Assert.Equal(first.Manifest.Files, manifest.Files);
    }

    [Fact]
    public void Prepare_TornCorpus_IsMadeAgain()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var manifest = rig.Prepare();
        var shard = Path.Combine(rig.FolderOf(manifest), manifest.Files[^1].Name);
        File.WriteAllBytes(shard, File.ReadAllBytes(shard)[..^1]);

        Assert.Equal(manifest.Checksum, rig.Prepare().Checksum);
        rig.Open(manifest).Dispose();
    }
}
