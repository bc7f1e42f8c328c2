using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data;

/// <summary>The held-out microbatches: the same rows with the same masks at 15 % every time, in every run over the same corpus. Not thread-safe.</summary>
public sealed class HeldOutMicrobatches
{
    private readonly ITokenRows _rows;
    private readonly Masker _masker;
    private readonly ulong _maskStream = CounterRandom.StreamKey(0, "held-out mask");

    /// <summary>Chooses the rows, evenly spread over all.</summary>
    /// <param name="rows">The held-out rows.</param>
    /// <param name="vocabularySize">Entries of the vocabulary.</param>
    /// <param name="maximumRows">Rows wanted; fewer are taken where there are fewer, and no incomplete microbatch is made.</param>
    /// <param name="microbatchRows">Rows per microbatch wanted; fewer where fewer rows are taken.</param>
    public HeldOutMicrobatches(ITokenRows rows, int vocabularySize, int maximumRows, int microbatchRows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows.Count, 1, nameof(rows));
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(microbatchRows, 1);
        _rows = rows;
        _masker = new Masker(MaskingKind.EightyTenTen, vocabularySize, rows.SequenceLength);
        var taken = (int)Math.Min(maximumRows, rows.Count);
        MicrobatchRows = Math.Min(microbatchRows, taken);
        Count = taken / MicrobatchRows;
    }

    /// <summary>Number of microbatches.</summary>
    public int Count { get; }

    /// <summary>Rows per microbatch (B).</summary>
    public int MicrobatchRows { get; }

    /// <summary>Rows in all.</summary>
    public int Rows => Count * MicrobatchRows;

    /// <summary>Makes a microbatch of the shape that <see cref="Fill"/> fills.</summary>
    public MaskedMicrobatch CreateMicrobatch() =>
        new(MicrobatchRows, _rows.SequenceLength, MaskCount.PerMicrobatch(MicrobatchRows, _rows.SequenceLength, MaskCount.HeldOutFraction));

    /// <summary>Fills one of the microbatches.</summary>
    /// <param name="index">In [0, Count).</param>
    /// <param name="microbatch">Overwritten.</param>
    public void Fill(int index, MaskedMicrobatch microbatch)
    {
        ArgumentNullException.ThrowIfNull(microbatch);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(microbatch.Rows, MicrobatchRows);
        for (var i = 0; i < MicrobatchRows; i++)
        {
            var row = (((long)index * MicrobatchRows) + i) * _rows.Count / Rows;
            _rows.CopyRow(row, microbatch.Ids.AsSpan(i * _rows.SequenceLength, _rows.SequenceLength));
        }

        var count = MaskCount.PerMicrobatch(MicrobatchRows, _rows.SequenceLength, MaskCount.HeldOutFraction);
        _masker.Mask(microbatch, count, new CounterRandom(_maskStream, (ulong)index));
    }
}
