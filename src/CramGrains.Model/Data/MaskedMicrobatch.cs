namespace CramGrains.Model.Data;

/// <summary>One microbatch after masking, in managed memory; its shapes never change during a run, so that kernels and graphs can be fixed.</summary>
/// <remarks>The arrays are reused by whoever filled them: an engine copies what it needs before it returns.</remarks>
/// <param name="rows">Rows (B).</param>
/// <param name="sequenceLength">Tokens per row (S).</param>
/// <param name="maximumMasked">Room for masked positions (M).</param>
public sealed class MaskedMicrobatch(int rows, int sequenceLength, int maximumMasked)
{
    /// <summary>Rows (B).</summary>
    public int Rows { get; } = rows;

    /// <summary>Tokens per row (S).</summary>
    public int SequenceLength { get; } = sequenceLength;

    /// <summary>Input ids after masking, <c>[B, S]</c> row-major.</summary>
    public int[] Ids { get; } = new int[rows * sequenceLength];

    /// <summary>Flat indices into <see cref="Ids"/> of the masked positions, <c>[M]</c>; the first <see cref="MaskedCount"/> are valid.</summary>
    public int[] Positions { get; } = new int[maximumMasked];

    /// <summary>Original ids at those positions, <c>[M]</c>.</summary>
    public int[] Labels { get; } = new int[maximumMasked];

    /// <summary>Masked positions in use, at most M; below M only while a mask fraction falls over the budget.</summary>
    public int MaskedCount { get; set; } = maximumMasked;
}
