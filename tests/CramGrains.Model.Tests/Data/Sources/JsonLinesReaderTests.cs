using CramGrains.Model.Data;
using CramGrains.Model.Data.Sources;

namespace CramGrains.Model.Tests.Data.Sources;

public sealed class JsonLinesReaderTests : IDisposable
{
    private readonly SourceRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Read_Lines_GivesTheFieldOfEach() => Assert.Equal(
        ["one \"quoted\"\nline", "two ü 😀", "four"],
        Read("""
            {"id": 1, "text": "one \"quoted\"\nline", "meta": {"text": "not this", "list": [1, {"text": 2}]}}

            {"text":"two \u00fc \ud83d\ude00"}
            {"text": null}
            {"text": ""}
            {"url": "x", "text": "four"}
            """.ReplaceLineEndings("\r\n")));

    [Fact]
    public void Read_OtherFieldAndCompressed_GivesIt()
    {
        var path = _rig.Write("a.jsonl.gz", "{\"text\":\"no\",\"content\":\"yes\"}\n");
        Assert.Equal(["yes"], JsonLinesReader.Read(path, "content", _ => { }));
    }

    [Fact]
    public void Read_LineLongerThanTheBuffer_IsWhole()
    {
        var text = string.Concat(Enumerable.Repeat("0123456789 ü ", 60_000));
        Assert.Equal([text, "b"], Read($"{{\"text\":\"{text}\"}}\n{{\"text\":\"b\"}}"));
    }

    [Theory]
    [InlineData("{\"txt\":\"a\",\"id\":3}", "line 1 has no field 'text'; it has txt, id")]
    [InlineData("{\"text\":\"a\"}\n{\"text\":7}", "line 2: the field 'text' holds a number")]
    [InlineData("{\"text\":\"a\"}\nnonsense", "line 2 is not valid JSON")]
    [InlineData("{\"text\":\"a\"", "line 1 is not valid JSON")]
    [InlineData("{\"text\":\"a\"} {\"text\":\"b\"}", "line 1 is not valid JSON")]
    [InlineData("[{\"text\":\"a\"}]", "line 1 holds a list")]
    [InlineData("{\"text\":\"\\ud800\"}", "not valid Unicode")]
    public void Read_Unusable_NamesLineAndField(string content, string reason) =>
        Assert.Contains(reason, Assert.Throws<CorpusException>(() => Read(content)).Message);

    [Fact]
    public void Read_NotUtf8_SaysSo()
    {
        var path = _rig.Write("latin.jsonl", [.. "{\"text\":\""u8, 0xE9, .. "\"}"u8]);
        Assert.Contains("UTF-8", Assert.Throws<CorpusException>(() => JsonLinesReader.Read(path, "text", _ => { }).ToList()).Message);
    }

    private List<string> Read(string content) => [.. JsonLinesReader.Read(_rig.Write("a.jsonl", content), "text", _ => { })];
}
