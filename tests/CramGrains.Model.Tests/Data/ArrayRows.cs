using CramGrains.Model.Data;

namespace CramGrains.Model.Tests.Data;

internal sealed class ArrayRows(params int[][] rows) : ITokenRows
{
    public long Count => rows.Length;

    public int SequenceLength => rows[0].Length;

    public void CopyRow(long row, Span<int> destination) => rows[row].CopyTo(destination);
}
