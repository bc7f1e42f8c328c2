using System.Text;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary><c>cram data</c> on a corpus that is there.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class DataCommandTests(TrainedRun trained) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-data-test-").FullName;

    private string Corpora => Path.Combine(trained.Root, "corpora");

    private string Corpus => Path.Combine(Corpora, trained.Pretraining.Json.GetProperty("corpus_digest").GetString()!);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("there is no such file", "none.json")]
    [InlineData("nonsense is not a known key", "quickstart", "--set", "nonsense=1")]
    public void Prepare_RecipeThatCannotBeRead_IsNamedWithExitCodeTwo(string expected, params string[] arguments)
    {
        var refused = TrainedRun.Call(DataCommand.Run, ["prepare", .. arguments, "--corpora", _folder]);
        Assert.Equal(2, refused.Code);
        Assert.Contains(expected, refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_TextThatIsNotUtf8_IsNamedAndLeavesNoIds()
    {
        string text = Path.Combine(_folder, "latin.txt"), ids = Path.Combine(_folder, "ids");
        File.WriteAllBytes(text, [.. "the king\nthe caf"u8, 0xE9, (byte)'\n']);
        var refused = TrainedRun.Call(DataCommand.Run, "encode", Corpus, text, ids);
        Assert.Equal(2, refused.Code);
        Assert.StartsWith($"{text}: not valid UTF-8", refused.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(ids));
    }

    [Fact]
    public void Remove_FolderThatIsNoCorpus_IsLeftAlone()
    {
        string site = Directory.CreateDirectory(Path.Combine(_folder, "site")).FullName;
        File.WriteAllText(Path.Combine(site, "manifest.json"), "{ \"name\": \"a web site\", \"start_url\": \"/\" }");
        var refused = TrainedRun.Call(DataCommand.Run, "rm", site, "--corpora", Corpora);
        Assert.Equal(2, refused.Code);
        Assert.True(File.Exists(Path.Combine(site, "manifest.json")), refused.Output);
        Assert.Contains("is no corpus", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Remove_EmptyName_NamesNoCorpusThoughOnlyOneIsThere()
    {
        string only = Directory.CreateDirectory(Path.Combine(_folder, new string('a', 64))).FullName;
        File.Copy(Path.Combine(Corpus, "manifest.json"), Path.Combine(only, "manifest.json"));
        var refused = TrainedRun.Call(DataCommand.Run, "rm", "", "--corpora", _folder);
        Assert.Equal(2, refused.Code);
        Assert.True(Directory.Exists(only));
    }

    [Fact]
    public void Remove_TornCorpusByItsDigest_IsDeleted()
    {
        string torn = Directory.CreateDirectory(Path.Combine(_folder, new string('a', 64))).FullName;
        File.WriteAllText(Path.Combine(torn, "manifest.json"), "{", Encoding.UTF8);
        Assert.Equal(0, TrainedRun.Call(DataCommand.Run, "rm", "aaaa", "--corpora", _folder).Code);
        Assert.False(Directory.Exists(torn));
    }

    [Fact]
    public void List_OneCorpusTorn_ListsTheOthersAndNamesIt()
    {
        string torn = Directory.CreateDirectory(Path.Combine(_folder, new string('a', 64))).FullName, whole = Directory.CreateDirectory(Path.Combine(_folder, new string('b', 64))).FullName;
        File.WriteAllText(Path.Combine(torn, "manifest.json"), "{", Encoding.UTF8);
        File.Copy(Path.Combine(Corpus, "manifest.json"), Path.Combine(whole, "manifest.json"));
        var listed = TrainedRun.Call(DataCommand.Run, "ls", "--corpora", _folder);
        Assert.Equal(0, listed.Code);
        Assert.Contains("vocabulary     70", listed.Output, StringComparison.Ordinal);
        Assert.Contains(torn, listed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void List_NothingThere_SaysSo()
    {
        string absent = Path.Combine(_folder, "absent");
        var refused = TrainedRun.Call(DataCommand.Run, "ls", "--json", "--corpora", absent);
        Assert.Equal(2, refused.Code);
        Assert.Contains($"--corpora {absent}: there is no such folder", refused.Error, StringComparison.Ordinal);

        var empty = TrainedRun.Call(DataCommand.Run, "ls", "--corpora", _folder);
        Assert.Equal((0, ""), (empty.Code, empty.Output));
        Assert.Contains($"no corpus in {_folder}", empty.Error, StringComparison.Ordinal);
    }
}
