using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

public sealed class ResumptionTests
{
    [Theory]
    [InlineData(RowPacking.Continuous)]
    [InlineData(RowPacking.ReferenceGroups)]
    [InlineData(RowPacking.WithinDocument)]
    [InlineData(RowPacking.Framed)]
    public void Prepare_InterruptedWhileEncoding_GoesOnFromTheLastNote(RowPacking packing)
    {
        var recipe = new CorpusRecipe([], TextNormalizerKind.Crammed, 80, 16, 0.1, Packing: packing, Ordering: RowOrdering.Unigram, TrashCutoff: 0.5);
        using var whole = Rig(recipe);
        using var rig = Rig(recipe);
        var expected = whole.Prepare();
        var notes = new HashSet<string>();
        for (var attempt = 0; attempt < 3; attempt++)
        {
            using var stop = new CancellationTokenSource();
            var folder = Path.Combine(rig.Corpora, expected.Digest + ".partial");
            var last = Journal(folder);
            try
            {
                // The corpus is some batches of a million characters; encoding stops once it has noted one more.
                rig.PrepareReporting(new Reports(report =>
                {
                    if (report.Stage == "encoding" && Journal(folder) is { } now && now != last)
                    {
                        stop.Cancel();
                    }
                }), stop.Token);
            }
            catch (OperationCanceledException)
            {
                notes.Add(Journal(folder)!);
            }
        }

        Assert.NotEmpty(notes);
        var stages = new List<string>();
        Assert.Equal(expected.Checksum, rig.PrepareReporting(new Reports(report => stages.Add(report.Stage)), TestContext.Current.CancellationToken).Checksum);
        Assert.DoesNotContain("counting words", stages);
        rig.Open(expected).Dispose();
    }

    [Fact]
    public void Prepare_JournalTornOrSpoolsGone_StartsEncodingOver()
    {
        using var whole = Rig(Simple);
        var expected = whole.Prepare();
        foreach (var harm in new Action<string>[]
        {
            folder => File.WriteAllBytes(Path.Combine(folder, "encoding.journal"), File.ReadAllBytes(Path.Combine(folder, "encoding.journal"))[..^1]),
            folder => Flip(Path.Combine(folder, "encoding.journal")),
            folder => File.Delete(Path.Combine(folder, "training.spool")),
            folder => File.WriteAllBytes(Path.Combine(folder, "heldout.spool"), []),
        })
        {
            using var rig = Rig(Simple);
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => rig.PrepareReporting(new Reports(report =>
            {
                if (report.Stage == "ordering rows")
                {
                    stop.Cancel();
                }
            }), stop.Token));
            harm(Path.Combine(rig.Corpora, expected.Digest + ".partial"));
            Assert.Equal(expected.Checksum, rig.Prepare().Checksum);
        }
    }

    [Fact]
    public void Prepare_FewWordsFitIntoMemory_GivesTheSameCorpus()
    {
        using var plenty = Rig(Simple);
        using var little = new CorpusRig { Recipe = Simple, Options = new() { Threads = 3, ShardBytes = 1 << 16, HeldWords = 1000 } }.WriteDocuments(25_000);
        Assert.Equal(plenty.Prepare().Checksum, little.Prepare().Checksum);
    }

    [Fact]
    public void Prepare_MoreWordsThanAreTrainedOn_DoesNotDependOnThreads()
    {
        var manifests = new[] { (1, 1_000_000), (4, 4000) }.Select(setting =>
        {
            using var rig = new CorpusRig { Recipe = Simple, Options = new() { Threads = setting.Item1, HeldWords = setting.Item2, TrainedWords = 300, ShardBytes = 4096 } }.WriteDocuments(5_000);
            return rig.Prepare();
        }).ToList();
        Assert.Equal(manifests[0].Checksum, manifests[1].Checksum);
    }

    private static CorpusRecipe Simple => new([], TextNormalizerKind.Crammed, 80, 16, 0.1);

    private static CorpusRig Rig(CorpusRecipe recipe) =>
        new CorpusRig { Recipe = recipe, Options = new() { Threads = 2, ShardBytes = 1 << 16, JournalCharacters = 1 } }.WriteDocuments(25_000);

    private static string? Journal(string folder)
    {
        var path = Path.Combine(folder, "encoding.journal");
        return File.Exists(path) ? Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))) : null;
    }

    private static void Flip(string path)
    {
        var content = File.ReadAllBytes(path);
        content[content.Length / 2] ^= 4;
        File.WriteAllBytes(path, content);
    }

    private sealed class Reports(Action<CorpusProgress> receive) : IProgress<CorpusProgress>
    {
        public void Report(CorpusProgress value) => receive(value);
    }
}
