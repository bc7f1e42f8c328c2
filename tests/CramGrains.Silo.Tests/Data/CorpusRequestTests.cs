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

    private static string Digest(CorpusSource source) => CorpusRequest.Name(Recipe(source)).Digest!;

    private static CorpusRecipe Recipe(CorpusSource source) => new([source], TextNormalizerKind.Crammed, 80, 16, 0.1);
}
