using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>The held-out loss: always the same rows with the same masks at 15 %, so that it can be compared along a run and between runs on one corpus.</summary>
/// <remarks>
/// The masks depend on the row alone, not on the recipe's seed, microbatch size, mask fraction or masking. Rows that fill up a last microbatch carry no
/// mask and so do not count.
/// </remarks>
internal sealed class HeldOutLoss
{
    private readonly ITokenRows _rows;
    private readonly int _vocabularySize;
    private readonly int _maskedPerRow;
    private readonly bool _textOnly;
    private readonly int[] _row;
    private readonly int[] _places;

    /// <param name="rows">Held-out rows, at least one.</param>
    /// <param name="recipe">How many rows to measure, and the vocabulary that random words are drawn from.</param>
    public HeldOutLoss(ITokenRows rows, Recipe recipe)
    {
        if (rows.Count == 0)
        {
            throw new ArgumentException("The corpus has no held-out rows. Raise corpus.held_out_fraction or give more text.");
        }

        _rows = rows;
        (_vocabularySize, _textOnly) = (recipe.Corpus.VocabularySize, recipe.Corpus.MasksTextOnly);
        _maskedPerRow = MaskCount.PerRow(rows.SequenceLength, MaskCount.HeldOutFraction);
        _row = new int[rows.SequenceLength];
        _places = new int[rows.SequenceLength];
        Count = (int)Math.Min(recipe.HeldOut.Rows, rows.Count);
    }

    /// <summary>Rows that are measured.</summary>
    public int Count { get; }

    /// <summary>Measures the loss.</summary>
    /// <param name="engine">The model.</param>
    /// <param name="microbatch">Scratch space of the run's shape.</param>
    /// <param name="control">Asked between microbatches whether to stop.</param>
    /// <param name="cancellationToken">Looked at between microbatches.</param>
    /// <returns>Mean cross-entropy over all masked positions, nats; null when a stop was asked for first.</returns>
    public double? Measure(IPretrainingEngine engine, MaskedMicrobatch microbatch, PretrainingControl control, CancellationToken cancellationToken)
    {
        double sum = 0;
        long masked = 0;
        for (int start = 0; start < Count; start += microbatch.Rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (control.StopRequested)
            {
                return null;
            }

            using var scope = torch.NewDisposeScope();
            Fill(microbatch, start);
            sum += engine.Evaluate(microbatch).item<float>() * (double)microbatch.MaskedCount; // sync: time does not count here
            masked += microbatch.MaskedCount;
        }

        return sum / masked;
    }

    private void Fill(MaskedMicrobatch microbatch, int start)
    {
        int s = microbatch.SequenceLength;
        microbatch.MaskedCount = 0;
        for (int i = 0; i < microbatch.Rows; i++)
        {
            int row = (start + i) % Count;
            _rows.CopyRow(row, _row);
            if (start + i < Count)
            {
                MaskRow(microbatch, row, i * s);
            }

            _row.CopyTo(microbatch.Ids, i * s);
        }
    }

    /// <summary>Masks a fixed count of the row's places, never [PAD], which no training masks: 80 % [MASK], 10 % a random word, 10 % unchanged.</summary>
    private void MaskRow(MaskedMicrobatch microbatch, int row, int offset)
    {
        ulong state = (ulong)row;
        int Next(int bound) => (int)((UInt128)SplitMix(ref state) * (ulong)bound >> 64);
        int places = 0;
        for (int i = 0; i < _places.Length; i++)
        {
            _places[places] = i;
            places += (_textOnly ? SpecialTokens.IsFrame(_row[i]) : _row[i] == SpecialTokens.Pad) ? 0 : 1;
        }

        for (int i = 0; i < Math.Min(_maskedPerRow, places); i++)
        {
            int other = i + Next(places - i);
            (_places[i], _places[other]) = (_places[other], _places[i]);
            int place = _places[i], kind = Next(10), word = SpecialTokens.FirstWord + Next(_vocabularySize - SpecialTokens.FirstWord);
            microbatch.Positions[microbatch.MaskedCount] = offset + place;
            microbatch.Labels[microbatch.MaskedCount++] = _row[place];
            _row[place] = kind < 8 ? SpecialTokens.Mask : kind == 8 ? word : _row[place];
        }
    }

    /// <summary>SplitMix64 (Steele et al. 2014): a counter and a mixing function.</summary>
    private static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
}
