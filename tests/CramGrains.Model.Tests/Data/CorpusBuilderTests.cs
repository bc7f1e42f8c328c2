using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

public sealed class CorpusBuilderTests
{
    [Fact]
    public void Prepare_TwiceAndWithOtherThreads_IsTheSameByteByByte()
    {
        using var one = new CorpusRig { Options = new() { Threads = 1, ShardBytes = 4096 } }.WriteDocuments();
        using var other = new CorpusRig { Options = new() { Threads = 4, ShardBytes = 4096 } }.WriteDocuments();
        Assert.Equal(one.Prepare().Checksum, other.Prepare().Checksum);
    }

    [Fact]
    public void Digest_AnySettingOrContentChanged_IsAnother()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var recipe = rig.WithSource;
        var digests = new List<string>
        {
            CorpusRig.Digest(recipe),
            CorpusRig.Digest(recipe with { SequenceLength = 32 }),
            CorpusRig.Digest(recipe with { Ordering = RowOrdering.Unigram }),
            CorpusRig.Digest(recipe with { Packing = RowPacking.WithinDocument }),
            CorpusRig.Digest(recipe with { TrashCutoff = 0.3 }),
            CorpusRig.Digest(recipe with { Normalizer = TextNormalizerKind.Bert }),
        };
        rig.WriteDocuments(seed: 2);
        digests.Add(CorpusRig.Digest(recipe));
        Assert.Equal(digests.Count, digests.Distinct().Count());
    }

    [Fact]
    public async Task Prepare_FourAtOnce_MakesTheCorpusOnce()
    {
        using var rig = new CorpusRig().WriteDocuments();
        var encodings = 0;
        var requests = Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
            () => rig.PrepareReporting(new Reports(report => _ = report is { Stage: "encoding", Fraction: 1 } ? Interlocked.Increment(ref encodings) : 0), TestContext.Current.CancellationToken),
            TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        var manifests = await Task.WhenAll(requests);
        Assert.Single(manifests.Select(manifest => manifest.Checksum).Distinct());
        Assert.Equal(1, encodings);
    }

    [Fact]
    public void Prepare_CancelledAtEveryReportInTurn_ResumesToTheSameDigest()
    {
        using var whole = new CorpusRig().WriteDocuments();
        var expected = whole.Prepare();
        var interruptions = 0;
        for (var stopAt = 1; stopAt <= 6; stopAt++)
        {
            using var rig = new CorpusRig().WriteDocuments();
            using var stop = new CancellationTokenSource();
            var reports = 0;
            try
            {
                rig.PrepareReporting(new Reports(_ =>
                {
                    if (++reports == stopAt)
                    {
                        stop.Cancel();
                    }
                }), stop.Token);
            }
            catch (OperationCanceledException)
            {
                interruptions++;
            }

            Assert.Equal(expected.Checksum, rig.Prepare().Checksum);
            rig.Open(expected).Dispose();
        }

        Assert.True(interruptions >= 3, $"only {interruptions} interruptions");
    }

    [Fact]
    public void Prepare_VocabularyTrainedBeforeTheInterruption_IsNotTrainedAgain()
    {
        using var rig = new CorpusRig().WriteDocuments();
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => rig.PrepareReporting(new Reports(report =>
        {
            if (report is { Stage: "training vocabulary", Fraction: 1 })
            {
                stop.Cancel();
            }
        }), stop.Token));

        var stages = new List<string>();
        rig.PrepareReporting(new Reports(report => stages.Add(report.Stage)), TestContext.Current.CancellationToken);
        Assert.DoesNotContain("training vocabulary", stages);
        Assert.Contains("encoding", stages);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("\n\n  \n\n", "leaves no document")]
    [InlineData("one\n\ntwo\0three\n", "zero byte at offset 8")]
    [InlineData("only this one short document\n", "vocabulary_size is 80")]
    public void Prepare_UnusableText_SaysWhy(string content, string reason)
    {
        using var rig = new CorpusRig();
        File.WriteAllText(rig.Source, content);
        Assert.Contains(reason, Assert.Throws<CorpusException>(() => rig.Prepare()).Message);
    }

    [Fact]
    public void Prepare_NotUtf8_SaysWhereAndHowToConvert()
    {
        using var rig = new CorpusRig();
        File.WriteAllBytes(rig.Source, [(byte)'c', (byte)'a', (byte)'f', 0xE9, (byte)'\n']);
        var message = Assert.Throws<CorpusException>(() => rig.Prepare()).Message;
        Assert.Contains("0xE9 at offset 3", message);
        Assert.Contains("iconv", message);
    }

    [Fact]
    public void Prepare_MissingSource_NamesThePath()
    {
        using var rig = new CorpusRig();
        Assert.Contains(rig.Source, Assert.Throws<CorpusException>(() => rig.Prepare()).Message);
    }

    [Fact]
    public void Prepare_HomeIsAFile_SaysThatItCannotBeWritten()
    {
        using var rig = new CorpusRig().WriteDocuments();
        File.WriteAllText(rig.Corpora, "in the way");
        Assert.Contains(rig.Corpora, Assert.Throws<CorpusException>(() => rig.Prepare()).Message);
    }

    [Fact]
    public void Prepare_DiskFull_SaysSoAndGoesOnOnceThereIsRoom()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs Linux's /dev/full, a device on which there is never room");
        using var rig = new CorpusRig().WriteDocuments();
        var vocabulary = Path.Combine(Directory.CreateDirectory(Path.Combine(rig.Corpora, CorpusRig.Digest(rig.WithSource) + ".partial")).FullName, "vocab.txt");
        File.CreateSymbolicLink(vocabulary, "/dev/full");
        var problem = Assert.Throws<CorpusException>(() => rig.Prepare());
        Assert.Contains("No space left", problem.Message);
        Assert.Equal(28, problem.InnerException!.HResult); // ENOSPC, by which the worker tells it from other failures

        File.Delete(vocabulary);
        rig.Open(rig.Prepare()).Dispose();
    }

    [Fact]
    public void Prepare_RowsLongerThanTheText_SaysThatItIsTooSmall()
    {
        using var rig = new CorpusRig { Recipe = new([], TextNormalizerKind.Crammed, 60, 8192, 0.1) }.WriteDocuments(40);
        Assert.Contains("too small", Assert.Throws<CorpusException>(() => rig.Prepare()).Message);
    }

    [Fact]
    public void Prepare_AFilterTakesAll_NamesIt()
    {
        using var rig = new CorpusRig { Recipe = new([], TextNormalizerKind.Crammed, 80, 16, 0.1, TrashCutoff: 0.01) }.WriteDocuments(40);
        Assert.Contains("Left out: 40 by corpus.trash_cutoff.", Assert.Throws<CorpusException>(() => rig.Prepare()).Message);
    }

    private sealed class Reports(Action<CorpusProgress> receive) : IProgress<CorpusProgress>
    {
        public void Report(CorpusProgress value) => receive(value);
    }
}
