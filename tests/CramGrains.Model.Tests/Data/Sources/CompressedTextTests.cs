using System.Text;
using CramGrains.Model.Data;
using CramGrains.Model.Data.Sources;

namespace CramGrains.Model.Tests.Data.Sources;

public sealed class CompressedTextTests : IDisposable
{
    // Two xz streams one after the other, by xz 5.4, cut within a document.
    private const string TwoXzStreams = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAdRXJzdGVyIEFic2F0eiwgbWl0IFVtbGF1dDogw7wuAAAAbIgfxeWjfkgAATYePRmVUx+2830BAAAAAARZWv03elhaAAAE5ta0RgIAIQEWAAAAdC/lowEAHwp6d2VpdGUgWmVpbGUKCnp3ZWl0ZXMgRG9rdW1lbnQKAGuL6eJyzkBrAAE4IBgpdwwftvN9AQAAAAAEWVo=";
    private const string Text = "Erster Absatz, mit Umlaut: ü.\nzweite Zeile\n\nzweites Dokument\n";
    private static readonly string[] Documents = ["Erster Absatz, mit Umlaut: ü.\nzweite Zeile", "zweites Dokument"];

    private readonly SourceRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData("a.txt")]
    [InlineData("a.txt.gz")]
    [InlineData("a.txt.zst")]
    [InlineData("a.txt.bz2")]
    public void Open_AnyCompression_GivesTheText(string name) => Assert.Equal(Documents, Read(_rig.Write(name, Text)));

    [Fact]
    public void Open_Xz_GivesTheTextOfAllStreams()
    {
        File.WriteAllBytes(_rig.Path("a.txt.xz"), Convert.FromBase64String(TwoXzStreams));
        Assert.Equal(Documents, Read(_rig.Path("a.txt.xz")));
    }

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    [InlineData(".bz2")]
    public void Open_SeveralStreamsInOneFile_GivesTheTextOfAll(string ending)
    {
        var bytes = Encoding.UTF8.GetBytes(Text);
        File.WriteAllBytes(_rig.Path("a" + ending), [.. SourceRig.Compress(bytes[..20], ending), .. SourceRig.Compress(bytes[20..], ending)]);
        Assert.Equal(Documents, Read(_rig.Path("a" + ending)));
    }

    [Fact]
    public void Open_CompressedUnderAPlainName_IsRecognised()
    {
        File.WriteAllBytes(_rig.Path("a.txt"), SourceRig.Compress(Encoding.UTF8.GetBytes(Text), ".gz"));
        Assert.Equal(Documents, Read(_rig.Path("a.txt")));
    }

    [Fact]
    public void Open_ErrorPageUnderACompressedName_SaysSo()
    {
        File.WriteAllText(_rig.Path("a.txt.gz"), "<html>404 not found</html>");
        Assert.Contains("ends in .gz", Assert.Throws<CorpusException>(() => Read(_rig.Path("a.txt.gz"))).Message);
    }

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    [InlineData(".bz2")]
    [InlineData(".xz")]
    public void Open_CutAnywhere_IsNeverTakenForWhole(string ending)
    {
        var whole = ending == ".xz" ? Convert.FromBase64String(TwoXzStreams)[..(Convert.FromBase64String(TwoXzStreams).Length / 2)] : SourceRig.Compress(Encoding.UTF8.GetBytes(Long()), ending);
        var path = _rig.Path("a.txt" + ending);
        for (var length = 11; length < whole.Length; length += Math.Max(1, whole.Length / 60))
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Contains(path, Assert.Throws<CorpusException>(() => Read(path)).Message);
        }
    }

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    [InlineData(".bz2")]
    public void Open_BitFlipped_GivesAnErrorOrTheSameText(string ending)
    {
        var content = Encoding.UTF8.GetBytes(Long());
        var whole = SourceRig.Compress(content, ending);
        var expected = Read(_rig.Write("plain", content));
        var path = _rig.Path("a.txt" + ending);
        var errors = 0;
        for (var i = 0; i < 60; i++)
        {
            var altered = (byte[])whole.Clone();
            altered[10 + ((altered.Length - 11) * i / 60)] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(path, altered);
            try
            {
                // Some bits of a header mean nothing.
                Assert.Equal(expected, Read(path));
            }
            catch (CorpusException)
            {
                errors++;
            }
        }

        Assert.True(errors > 50, $"{errors} of 60 were found");
    }

    [Fact]
    public void Read_Utf16_SaysHowToConvert()
    {
        File.WriteAllBytes(_rig.Path("a.txt"), Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes(Text)).ToArray());
        Assert.Contains("UTF-16", Assert.Throws<CorpusException>(() => Read(_rig.Path("a.txt"))).Message);
    }

    [Fact]
    public void Read_FilesOfTwoEncodings_NamesTheOneThatIsNotUtf8()
    {
        _rig.Write("a.txt", Text);
        File.WriteAllBytes(_rig.Path("b.txt"), Encoding.Latin1.GetBytes(Text));
        Read(_rig.Path("a.txt"));
        var message = Assert.Throws<CorpusException>(() => Read(_rig.Path("b.txt"))).Message;
        Assert.Contains("b.txt", message);
        Assert.Contains("0xFC at offset 27", message);
    }

    [Fact]
    public void Open_LongFile_ReportsItsOwnBytes()
    {
        var path = _rig.Write("a.txt.gz", Long());
        var reported = 0L;
        Assert.NotEmpty(TextDocumentReader.Read(path, bytes => reported += bytes));
        Assert.InRange(reported, new FileInfo(path).Length - 10, new FileInfo(path).Length + 10);
    }

    private static List<string> Read(string path) => [.. TextDocumentReader.Read(path, _ => { })];

    private static string Long()
    {
        var random = new Random(1);
        return string.Concat(Enumerable.Range(0, 3000).Select(_ => (char)('a' + random.Next(26)) + (random.Next(7) == 0 ? "\n\n" : " ")));
    }
}
