using System.Text;
using ParquetSharp;

namespace CramGrains.Model.Data.Sources;

/// <summary>Reads one column of text of a Parquet file, a few rows at a time: memory is that of a page, not of a row group.</summary>
internal static class ParquetDocumentReader
{
    private const int BatchRows = 256;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Streams the documents of one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="column">The column that holds the text; a row where it is null or empty is no document.</param>
    /// <param name="report">Told which part of the file's size was read, by rows, now and then.</param>
    /// <exception cref="CorpusException">It is no Parquet file, is damaged, or has no such column of text.</exception>
    public static IEnumerable<string> Read(string path, string column, Action<long> report)
    {
        using var file = Guard(path, () => new ParquetFileReader(path));
        var index = ColumnIndex(file, column, path);
        var (size, rows, rowsRead, reported) = (new FileInfo(path).Length, Math.Max(1, file.FileMetaData.NumRows), 0L, 0L);
        var batch = new byte[]?[BatchRows];
        for (var group = 0; group < file.FileMetaData.NumRowGroups; group++)
        {
            using var groupReader = file.RowGroup(group);
            using var chunk = groupReader.Column(index);
            using var reader = Guard(path, () => chunk.LogicalReaderOverride<byte[]?>(BatchRows));
            while (reader.HasNext)
            {
                var read = Guard(path, () => reader.ReadBatch(batch.AsSpan()));
                for (var i = 0; i < read; i++)
                {
                    if (batch[i] is { Length: > 0 } text)
                    {
                        yield return Text(text, path, column, rowsRead + i);
                    }
                }

                rowsRead += read;
                var now = (long)((double)rowsRead / rows * size);
                report(now - reported);
                reported = now;
            }
        }
    }

    private static string Text(byte[] utf8, string path, string column, long row)
    {
        try
        {
            return Strict.GetString(utf8);
        }
        catch (ArgumentException problem)
        {
            throw new CorpusException($"{path}: row {row} of column '{column}' is not valid UTF-8. Remove the row or write the file anew.", problem);
        }
    }

    private static int ColumnIndex(ParquetFileReader file, string column, string path)
    {
        var schema = file.FileMetaData.Schema;
        for (var i = 0; i < schema.NumColumns; i++)
        {
            var description = schema.Column(i);
            using var columnPath = description.Path;
            if (columnPath.ToDotString() != column)
            {
                continue;
            }

            return description.PhysicalType == PhysicalType.ByteArray && description.MaxRepetitionLevel == 0
                ? i
                : throw new CorpusException($"{path}: the column '{column}' holds {description.PhysicalType} values{(description.MaxRepetitionLevel > 0 ? " in lists" : "")}, expected text.");
        }

        var names = Enumerable.Range(0, schema.NumColumns).Select(i =>
        {
            var description = schema.Column(i);
            using var columnPath = description.Path;
            return columnPath.ToDotString();
        });
        throw new CorpusException($"{path}: there is no column '{column}'; the columns are {string.Join(", ", names)}. Set 'field' of the source to the one that holds the text.");
    }

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (ParquetException problem)
        {
            throw new CorpusException($"{path}: not a whole Parquet file: {problem.Message.Split('\n')[0]} Fetch it again, or check that the source's kind is right.", problem);
        }
    }
}
