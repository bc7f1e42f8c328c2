namespace CramGrains.Model.Data;

/// <summary>How many positions a mask fraction means.</summary>
public static class MaskCount
{
    /// <summary>Mask fraction of every held-out measurement, whatever the recipe trains with.</summary>
    public const double HeldOutFraction = 0.15;

    /// <summary>Masked positions per row: the fraction of S to the nearest whole number, at least one (the reference's <c>round</c>, half to even).</summary>
    /// <param name="sequenceLength">Tokens per row (S).</param>
    /// <param name="fraction">In (0, 1).</param>
    public static int PerRow(int sequenceLength, double fraction)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fraction);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(fraction, 1);
        return Math.Max(1, (int)Math.Round(fraction * sequenceLength, MidpointRounding.ToEven));
    }

    /// <summary>Masked positions of a microbatch (M): that many for each of its rows.</summary>
    /// <param name="rows">Rows (B).</param>
    /// <param name="sequenceLength">Tokens per row (S).</param>
    /// <param name="fraction">In (0, 1).</param>
    public static int PerMicrobatch(int rows, int sequenceLength, double fraction) => rows * PerRow(sequenceLength, fraction);
}
