using System.Text;

namespace CramGrains.Model.Evaluation;

/// <summary>Reads a tab-separated file row by row. Quotes are text (QUOTE_NONE); a byte-order mark is dropped; blank lines are passed over.</summary>
/// <remarks>Lines end at LF, CR or CR LF, as in the loaders that published scores rest on, so that both see the same rows.</remarks>
internal sealed class TsvTable : IDisposable
{
    private readonly string _path;
    private readonly StreamReader _reader;
    private readonly List<Range> _fields = [];
    private string _row = "";

    /// <param name="path">The file.</param>
    /// <param name="columns">Column names of a file without a header; null reads them from the first row.</param>
    public TsvTable(string path, string[]? columns)
    {
        _path = path;
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        _reader = new(path, utf8, detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);
        try
        {
            Columns = columns ?? (Next() ? _row.Split('\t') : throw new GlueException(
                $"{path}: the file is empty, expected a header and examples. Download it again."));
        }
        catch
        {
            _reader.Dispose();
            throw;
        }
    }

    public string[] Columns { get; }

    /// <summary>Number of the current line, from 1.</summary>
    public long Line { get; private set; }

    public int FieldCount => _fields.Count;

    public ReadOnlySpan<char> Field(int column) => _row.AsSpan()[_fields[column]];

    /// <summary>Goes to the next row that is not blank.</summary>
    public bool Next()
    {
        do
        {
            if (ReadLine() is not { } line)
            {
                return false;
            }

            _row = line;
            Line++;
        }
        while (_row.Length == 0);

        _fields.Clear();
        foreach (var field in _row.AsSpan().Split('\t'))
        {
            _fields.Add(field);
        }

        return true;
    }

    /// <summary>Index of a column by its name.</summary>
    public int Column(string name)
    {
        int index = Array.FindIndex(Columns, column => string.Equals(column.Trim(), name, StringComparison.OrdinalIgnoreCase));
        return index >= 0
            ? index
            : throw new GlueException(
                $"{_path}: column '{name}' is missing. The header has: {string.Join(", ", Columns)}. Is the file in the official TSV layout?");
    }

    public void Dispose() => _reader.Dispose();

    private string? ReadLine()
    {
        try
        {
            return _reader.ReadLine();
        }
        catch (DecoderFallbackException problem)
        {
            throw new GlueException(
                $"{_path}: not UTF-8 after line {Line} ({problem.Message.TrimEnd('.')}). Download it again or convert it to UTF-8.", problem);
        }
    }
}
