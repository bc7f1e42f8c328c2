using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Data;

/// <summary>Fills masked microbatches from rows: in stored order in the first epoch, in a seeded shuffle in each later one. Not thread-safe.</summary>
/// <remarks>
/// Streams: <c>mask</c>, by microbatch; <c>shuffle</c>, by epoch. Both are pure functions of the seed, so the same seed and position give
/// the same microbatches, and nothing is allocated per microbatch.
/// </remarks>
public sealed class MicrobatchLoader : IMicrobatchSource
{
    private readonly ITokenRows _rows;
    private readonly long _seed;
    private readonly ulong _maskStream;
    private readonly Masker _masker;
    private RowPermutation _order;
    private long _orderEpoch;
    private long _position;

    /// <summary>Makes a loader that stands at the start.</summary>
    /// <param name="rows">Rows to train on.</param>
    /// <param name="vocabularySize">Entries of the vocabulary; random replacements are drawn from its words.</param>
    /// <param name="microbatchRows">Rows per microbatch (B).</param>
    /// <param name="seed">The recipe's seed.</param>
    /// <param name="masking">What replaces a masked token.</param>
    /// <param name="textOnly">Masks neither [CLS] nor [SEP]; see <see cref="CorpusRecipe.MasksTextOnly"/>.</param>
    /// <exception cref="CorpusException">There are fewer rows than a microbatch holds.</exception>
    public MicrobatchLoader(ITokenRows rows, int vocabularySize, int microbatchRows, long seed, MaskingKind masking, bool textOnly = false)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(microbatchRows, 1);
        if (rows.Count < microbatchRows)
        {
            throw new CorpusException(
                $"The corpus holds {rows.Count} training rows of {rows.SequenceLength} tokens, expected at least training.microbatch_size = {microbatchRows}. "
                + "Add text or use a smaller microbatch.");
        }

        (_rows, _seed, MicrobatchRows) = (rows, seed, microbatchRows);
        _maskStream = CounterRandom.StreamKey(seed, "mask");
        _masker = new Masker(masking, vocabularySize, rows.SequenceLength, textOnly);
    }

    /// <summary>Rows per microbatch (B).</summary>
    public int MicrobatchRows { get; }

    /// <summary>Microbatches filled since the run began; all that a checkpoint keeps of the loader. Setting it goes on from there, bit for bit.</summary>
    public long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    /// <summary>Passes over all rows that are complete.</summary>
    public long Epoch => _position * MicrobatchRows / _rows.Count;

    /// <summary>Makes a microbatch to fill, with room for the largest mask fraction of the run.</summary>
    /// <param name="maximumMaskFraction">In (0, 1).</param>
    public MaskedMicrobatch CreateMicrobatch(double maximumMaskFraction) =>
        new(MicrobatchRows, _rows.SequenceLength, MaskCount.PerMicrobatch(MicrobatchRows, _rows.SequenceLength, maximumMaskFraction));

    /// <summary>Fills a microbatch with the next rows and masks them.</summary>
    /// <param name="microbatch">Overwritten.</param>
    /// <param name="maskFraction">In (0, 1), at most the one that the microbatch was made for.</param>
    public void Fill(MaskedMicrobatch microbatch, double maskFraction)
    {
        ArgumentNullException.ThrowIfNull(microbatch);
        ArgumentOutOfRangeException.ThrowIfNotEqual(microbatch.Rows, MicrobatchRows);
        ArgumentOutOfRangeException.ThrowIfNotEqual(microbatch.SequenceLength, _rows.SequenceLength);
        var count = MaskCount.PerMicrobatch(MicrobatchRows, _rows.SequenceLength, maskFraction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, microbatch.Positions.Length, nameof(maskFraction));
        for (var i = 0; i < MicrobatchRows; i++)
        {
            _rows.CopyRow(RowAt((_position * MicrobatchRows) + i), microbatch.Ids.AsSpan(i * _rows.SequenceLength, _rows.SequenceLength));
        }

        _masker.Mask(microbatch, count, new CounterRandom(_maskStream, (ulong)_position));
        _position++;
    }

    private long RowAt(long row)
    {
        var (epoch, place) = Math.DivRem(row, _rows.Count);
        if (epoch == 0)
        {
            return place;
        }

        if (epoch != _orderEpoch)
        {
            _order = new RowPermutation(_rows.Count, _seed, "shuffle", (ulong)epoch);
            _orderEpoch = epoch;
        }

        return _order[place];
    }
}
