using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;

namespace CramGrains.Silo.Tests.Data;

public sealed class CorpusRequestTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Name_FileChangedOrAdded_IsAnother()
    {
        var source = new CorpusSource(CorpusSourceKind.JsonLines, Path.Combine(_folder, "*.jsonl"));
        File.WriteAllText(Path.Combine(_folder, "a.jsonl"), "{}");
        string first = Digest(source);
        Assert.Equal(first, Digest(source));
        File.WriteAllText(Path.Combine(_folder, "b.jsonl"), "{}");
        string second = Digest(source);
        File.AppendAllText(Path.Combine(_folder, "b.jsonl"), "\n");
        Assert.Equal(3, new[] { first, second, Digest(source) }.Distinct().Count());
    }

    [Fact]
    public void Name_GlueGivenAndLookedFor_IsAnother()
    {
        var source = new CorpusSource(CorpusSourceKind.HuggingFace, "owner/name");
        File.WriteAllText(Path.Combine(_folder, "train.tsv"), "x");
        Assert.NotEqual(Digest(source), CorpusRequest.Name(Recipe(source), _folder).Digest);
        Assert.Equal(CorpusRequest.Name(Recipe(source) with { Decontamination = DecontaminationMode.Off }).Digest, CorpusRequest.Name(Recipe(source) with { Decontamination = DecontaminationMode.Off }, _folder).Digest);
    }

    [Fact]
    public void Name_RemoteSources_AreNamedByTheirAddresses() =>
        Assert.NotEqual(Digest(new(CorpusSourceKind.Text, "https://example.org/a.txt")), Digest(new(CorpusSourceKind.Text, "https://example.org/b.txt")));

    [Theory]
    [InlineData("text.txt", "path must be absolute")]
    [InlineData("/nowhere/at/all.parquet", "neither a file nor a folder")]
    public void Name_SourceThatIsNotHere_SaysSo(string path, string problem) =>
        Assert.Contains(problem, Assert.Single(CorpusRequest.Name(Recipe(new(CorpusSourceKind.Parquet, path))).Problems));

    /// <summary>A submit must be told, not end in an exception that nobody expects.</summary>
    [Fact]
    public void Name_FilesWhoseNamesAreNotUtf8_AreProblems()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only there a name is any bytes.");
        Shell(": > \"$(printf 'caf\\351.txt')\" && : > \"$(printf 'caf\\351.tsv')\"");

        IReadOnlyList<string> problems = CorpusRequest.Name(Recipe(new(CorpusSourceKind.Text, _folder)), _folder).Problems;
        Shell("rm caf*"); // .NET cannot

        Assert.Equal(2, problems.Count);
        Assert.Contains("caf\uFFFD.txt' is listed in its folder and cannot be opened", problems[0], StringComparison.Ordinal);
        Assert.StartsWith($"GLUE folder {_folder}: Could not find file", problems[1], StringComparison.Ordinal);
    }

    private void Shell(string command)
    {
        using var shell = System.Diagnostics.Process.Start("/bin/sh", ["-c", $"cd \"$0\" && {command}", _folder]);
        shell.WaitForExit();
    }

    private static string Digest(CorpusSource source) => CorpusRequest.Name(Recipe(source)).Digest!;

    private static CorpusRecipe Recipe(CorpusSource source) => new([source], TextNormalizerKind.Crammed, 80, 16, 0.1);
}
