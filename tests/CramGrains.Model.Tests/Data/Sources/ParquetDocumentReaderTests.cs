using CramGrains.Model.Data;
using CramGrains.Model.Data.Sources;
using ParquetSharp;

namespace CramGrains.Model.Tests.Data.Sources;

public sealed class ParquetDocumentReaderTests : IDisposable
{
    private readonly SourceRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(Compression.Snappy)]
    [InlineData(Compression.Zstd)]
    [InlineData(Compression.Gzip)]
    [InlineData(Compression.Uncompressed)]
    public void Read_SeveralRowGroups_GivesTheRowsInOrder(Compression compression)
    {
        string?[] texts = [.. Enumerable.Range(0, 1000).Select(i => i % 100 == 7 ? null : $"Dokument {i}: üß 😀 {new string('x', i % 50)}")];
        var path = Write(texts, 300, compression);
        var reported = 0L;
        Assert.Equal(texts.Where(text => text is not null), ParquetDocumentReader.Read(path, "text", bytes => reported += bytes));
        Assert.Equal(new FileInfo(path).Length, reported);
    }

    [Fact]
    public void Read_WrongColumn_NamesTheColumnsThereAre()
    {
        var message = Assert.Throws<CorpusException>(() => ParquetDocumentReader.Read(Write(["a"], 1), "content", _ => { }).ToList()).Message;
        Assert.Contains("no column 'content'; the columns are id, text", message);
    }

    [Fact]
    public void Read_ColumnOfNumbers_SaysSo() =>
        Assert.Contains("expected text", Assert.Throws<CorpusException>(() => ParquetDocumentReader.Read(Write(["a"], 1), "id", _ => { }).ToList()).Message);

    [Fact]
    public void Read_CutFile_SaysSo()
    {
        var path = Write([.. Enumerable.Range(0, 500).Select(i => $"text {i}")], 100);
        var content = File.ReadAllBytes(path);
        foreach (var length in new[] { 0, 3, content.Length / 2, content.Length - 1 })
        {
            File.WriteAllBytes(path, content[..length]);
            Assert.Contains(path, Assert.Throws<CorpusException>(() => ParquetDocumentReader.Read(path, "text", _ => { }).ToList()).Message);
        }
    }

    [Fact]
    public void Read_OtherFormat_SaysSo()
    {
        var path = _rig.Write("a.parquet", new string('x', 1000));
        Assert.Contains("not a whole Parquet file", Assert.Throws<CorpusException>(() => ParquetDocumentReader.Read(path, "text", _ => { }).ToList()).Message);
    }

    private string Write(string?[] texts, int rowsPerGroup, Compression compression = Compression.Snappy) => Write(_rig.Path("a.parquet"), texts, rowsPerGroup, compression);

    internal static string Write(string path, string?[] texts, int rowsPerGroup, Compression compression = Compression.Snappy)
    {
        using var file = new ParquetFileWriter(path, [new Column<int>("id"), new Column<string?>("text")], compression);
        for (var first = 0; first < texts.Length; first += rowsPerGroup)
        {
            var part = texts.Skip(first).Take(rowsPerGroup).ToArray();
            using var group = file.AppendRowGroup();
            using (var ids = group.NextColumn().LogicalWriter<int>())
            {
                ids.WriteBatch([.. Enumerable.Range(first, part.Length)]);
            }

            using var column = group.NextColumn().LogicalWriter<string?>();
            column.WriteBatch(part);
        }

        file.Close();
        return path;
    }
}
