namespace CramGrains.Model.Data;

/// <summary>Rows of token ids, S to a row, read at random. Thread-safe.</summary>
public interface ITokenRows
{
    /// <summary>Number of rows.</summary>
    long Count { get; }

    /// <summary>Tokens per row (S).</summary>
    int SequenceLength { get; }

    /// <summary>Copies one row.</summary>
    /// <param name="row">Index in [0, Count).</param>
    /// <param name="destination">Receives S ids.</param>
    void CopyRow(long row, Span<int> destination);
}
