using CramGrains.Model.Data;
using CramGrains.Model.Data.Downloads;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data.Sources;

public sealed class SourceResolverTests : IDisposable
{
    private readonly SourceRig _rig = new();

    public SourceResolverTests()
    {
        foreach (var name in new[] { "b/2.jsonl.gz", "b/1.jsonl", "a.jsonl", "a.txt", "c/d/e.txt.zst", "c/f.parquet", "c/wiki.xml.bz2" })
        {
            _rig.Write(name, "{\"text\":\"x\"}");
        }
    }

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(CorpusSourceKind.JsonLines, "", "a.jsonl b/1.jsonl b/2.jsonl.gz")]
    [InlineData(CorpusSourceKind.Text, "", "a.txt c/d/e.txt.zst")]
    [InlineData(CorpusSourceKind.Parquet, "", "c/f.parquet")]
    [InlineData(CorpusSourceKind.Wikipedia, "c", "c/wiki.xml.bz2")]
    [InlineData(CorpusSourceKind.JsonLines, "b/*.jsonl*", "b/1.jsonl b/2.jsonl.gz")]
    [InlineData(CorpusSourceKind.JsonLines, "*/1.*", "b/1.jsonl")]
    [InlineData(CorpusSourceKind.Text, "**/*.zst", "c/d/e.txt.zst")]
    [InlineData(CorpusSourceKind.Text, "b/1.jsonl", "b/1.jsonl")] // what is named by itself is taken as told
    public void Resolve_FileFolderOrPattern_FindsTheFilesInOrder(CorpusSourceKind kind, string path, string expected) =>
        Assert.Equal(expected, string.Join(' ', Resolve(new CorpusSource(kind, _rig.Path(path))).Select(file => Path.GetRelativePath(_rig.Folder, file.Path))));

    [Theory]
    [InlineData(CorpusSourceKind.Parquet, "b", "holds no *.parquet")]
    [InlineData(CorpusSourceKind.Text, "nowhere/*.txt", "matches no file")]
    [InlineData(CorpusSourceKind.JsonLines, "missing.jsonl", "neither a file nor a folder")]
    public void Resolve_NothingThere_SaysWhatWasLookedFor(CorpusSourceKind kind, string path, string reason) =>
        Assert.Contains(reason, Assert.Throws<CorpusException>(() => Resolve(new CorpusSource(kind, _rig.Path(path)))).Message);

    [Fact]
    public void Resolve_LinkThatLeadsBackToItsFolder_ReadsNothingTwice()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights there.");
        Directory.CreateSymbolicLink(_rig.Path("c/d/back"), _rig.Folder);
        Directory.CreateSymbolicLink(_rig.Path("b/aside"), _rig.Path("c"));

        Assert.Equal("a.txt b/aside/d/e.txt.zst c/d/e.txt.zst", string.Join(' ', Resolve(new(CorpusSourceKind.Text, _rig.Folder)).Select(file => Path.GetRelativePath(_rig.Folder, file.Path))));
    }

    /// <summary>So is one whose name is not UTF-8, to .NET.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("b/*.jsonl")]
    public void Resolve_FileThatIsListedButNotThere_IsNamed(string path)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights there.");
        File.CreateSymbolicLink(_rig.Path("b/gone.jsonl"), _rig.Path("nowhere"));

        var refused = Assert.Throws<CorpusException>(() => Resolve(new CorpusSource(CorpusSourceKind.JsonLines, _rig.Path(path))));

        Assert.Contains($"'{_rig.Path("b/gone.jsonl")}' is listed in its folder and cannot be opened", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resolve_DatasetOfTheHub_FetchesTheFilesOfItsSplitOnceAndForEver()
    {
        var parquet = await File.ReadAllBytesAsync(ParquetDocumentReaderTests.Write(_rig.Path("hub.parquet"), ["one", "two"], 10), TestContext.Current.CancellationToken);
        LoopbackServer? hub = null;
        hub = new LoopbackServer(request => request.Path == "/api/datasets/owner/name/parquet"
            ? LoopbackAnswer.Honest(request, System.Text.Encoding.UTF8.GetBytes(
                "{\"default\":{\"train\":[\"https://huggingface.co/api/datasets/owner/name/parquet/default/train/0.parquet\",\"" + hub!.Address + "f/1.parquet\"],\"test\":[]}}"))
            : LoopbackAnswer.Honest(request, parquet));
        await using var server = hub;
        var source = new CorpusSource(CorpusSourceKind.HuggingFace, "owner/name");
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["0.parquet", "1.parquet"], Resolve(source, hub.Address).Select(file => Path.GetFileName(file.Path)));
        }

        Assert.Equal(["/api/datasets/owner/name/parquet", "/api/datasets/owner/name/parquet/default/train/0.parquet", "/f/1.parquet"], hub.Requests.Select(request => request.Path));
        Assert.Contains("no split 'dev'; it has train, test", Assert.Throws<CorpusException>(() => Resolve(source with { Split = "dev" }, hub.Address)).Message);
        Assert.Contains("no configuration 'en'; it has default", Assert.Throws<CorpusException>(() => Resolve(source with { Config = "en" }, hub.Address)).Message);
    }

    [Fact]
    public async Task Resolve_UnknownDataset_SaysSo()
    {
        await using var hub = new LoopbackServer(_ => new LoopbackAnswer(404, [], 0));
        var message = Assert.Throws<CorpusException>(() => Resolve(new CorpusSource(CorpusSourceKind.HuggingFace, "owner/nothing"), hub.Address)).Message;
        Assert.Contains("owner/nothing", message);
        Assert.Contains("404", message);
    }

    [Fact]
    public async Task Resolve_HubAnswersWithAWebPage_SaysSo()
    {
        await using var hub = new LoopbackServer(request => LoopbackAnswer.Honest(request, "<html>"u8.ToArray()));
        Assert.Contains("HF_ENDPOINT", Assert.Throws<CorpusException>(() => Resolve(new CorpusSource(CorpusSourceKind.HuggingFace, "name"), hub.Address)).Message);
    }

    private IReadOnlyList<SourceFile> Resolve(CorpusSource source, Uri? hub = null)
    {
        var recipe = new CorpusRecipe([source], TextNormalizerKind.Crammed, 80, 16, 0.1);
        using var library = new RemoteFiles(
            new DownloadOptions { CacheFolder = Path.Combine(_rig.Folder, "cache"), HubEndpoint = hub ?? new Uri("http://127.0.0.1:1"), Attempts = 1 }, null, TestContext.Current.CancellationToken);
        return SourceResolver.Resolve(recipe, null, library);
    }
}
