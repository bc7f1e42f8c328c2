using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Recipes;

public sealed class CorpusSourceRulesTests
{
    [Theory]
    [InlineData("""{"kind":"json-lines","path":"a.jsonl","field":"content"}""")]
    [InlineData("""{"kind":"parquet","path":"/data/*.parquet","weight":0.5}""")]
    [InlineData("""{"kind":"wikipedia","path":"https://dumps.example.org/enwiki.xml.bz2"}""")]
    [InlineData("""{"kind":"text","path":"http://127.0.0.1:8000/a.txt.gz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}""")]
    [InlineData("""{"kind":"hugging-face","path":"wikimedia/wikipedia","config":"20231101.simple","split":"train"}""")]
    [InlineData("""{"kind":"hugging-face","path":"imdb"}""")]
    public void Load_SourceOfAnyKind_IsTaken(string source) => Assert.Empty(Problems(source));

    [Theory]
    [InlineData("""{"kind":"json"}""", "corpus.sources.0.kind must be one of dotnet-reference, text, json-lines, parquet, wikipedia, hugging-face, got \"json\"")]
    [InlineData("""{"kind":"json-lines"}""", "corpus.sources.0.path must name a file, folder, pattern or HTTP(S) address for kind json-lines, got nothing")]
    [InlineData("""{"kind":"hugging-face"}""", "corpus.sources.0.path must name a data set of the hub")]
    [InlineData("""{"kind":"hugging-face","path":"a/b/c"}""", "corpus.sources.0.path must be a data set of the hub as owner/name or name, got \"a/b/c\"")]
    [InlineData("""{"kind":"text","path":"a","field":"text"}""", "corpus.sources.0.field must be absent for kind text, which has no fields")]
    [InlineData("""{"kind":"parquet","path":"a","field":""}""", "corpus.sources.0.field must name the field")]
    [InlineData("""{"kind":"text","path":"a","split":"train"}""", "corpus.sources.0.split goes with kind hugging-face alone")]
    [InlineData("""{"kind":"text","path":"a","config":"x"}""", "corpus.sources.0.config goes with kind hugging-face alone")]
    [InlineData("""{"kind":"text","path":"a","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}""", "corpus.sources.0.sha256 goes with an HTTP(S) address alone")]
    [InlineData("""{"kind":"text","path":"https://x.org/a","sha256":"00"}""", "corpus.sources.0.sha256 must be 64 hexadecimal digits")]
    [InlineData("""{"kind":"parquet","path":"a","column":"text"}""", "corpus.sources.0.column is not a known key")]
    public void Load_WrongSource_IsRefusedByName(string source, string problem) => Assert.Contains(problem, Assert.Single(Problems(source)));

    [Theory]
    [InlineData("corpus.near_duplicates={\"similarity\":0.2}", "corpus.near_duplicates.similarity must be in [0.5, 1], got 0.2")]
    [InlineData("corpus.near_duplicates={\"shingle_words\":0}", "corpus.near_duplicates.shingle_words must be in [1, 100], got 0")]
    [InlineData("corpus.repeated_text={\"minimum_bytes\":8}", "corpus.repeated_text.minimum_bytes must be in [32, 1000000], got 8")]
    public void Load_WrongTreatment_IsRefusedByName(string setting, string problem) =>
        Assert.Contains(problem, Assert.Single(RecipeLoader.Load(RecipeJson.ToCanonicalJson(TestRecipes.Tiny()), "x.json", [setting]).Problems));

    [Theory]
    [InlineData("a.txt", CorpusSourceKind.Text)]
    [InlineData("folder", CorpusSourceKind.Text)]
    [InlineData("a.jsonl.zst", CorpusSourceKind.JsonLines)]
    [InlineData("x/*.parquet", CorpusSourceKind.Parquet)]
    [InlineData("https://x.org/enwiki.xml.bz2?a=b", CorpusSourceKind.Wikipedia)]
    public void Load_CorpusPaths_TellTheirKinds(string path, CorpusSourceKind kind) =>
        Assert.Equal(kind, RecipeLoader.Load(RecipeJson.ToCanonicalJson(TestRecipes.Tiny()), "x.json", [], corpusPaths: [path]).Recipe!.Corpus.Sources.Single().Kind);

    [Fact]
    public void ToCanonicalJson_RecipeWithoutTheNewSettings_IsAsItWasBeforeThem()
    {
        var json = RecipeJson.ToCanonicalJson(TestRecipes.Tiny());
        Assert.DoesNotContain("near_duplicates", json);
        Assert.DoesNotContain("repeated_text", json);
        Assert.DoesNotContain("field", json);
    }

    private static IReadOnlyList<string> Problems(string source) =>
        RecipeLoader.Load(RecipeJson.ToCanonicalJson(TestRecipes.Tiny()), "x.json", [$"corpus.sources=[{source}]"]).Problems;
}
