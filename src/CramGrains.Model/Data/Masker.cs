using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Masks a fixed number of positions of a microbatch, shared out over its rows by their tokens; never [PAD], and where only text is masked, neither [CLS] nor [SEP]. Reuses its buffers.</summary>
/// <remarks>
/// Full rows get exactly the same number each, as in the reference; where rows are padded, each gets its part, so that the number
/// over the microbatch, and with it every shape, stays fixed. Differs: the reference draws positions by sorting random numbers with ties.
/// </remarks>
internal sealed class Masker(MaskingKind masking, int vocabularySize, int sequenceLength, bool textOnly = false)
{
    private readonly int[] _candidates = new int[sequenceLength];

    /// <summary>Masks the rows that lie in <see cref="MaskedMicrobatch.Ids"/>.</summary>
    /// <param name="microbatch">Rows filled; receives positions and labels.</param>
    /// <param name="count">Positions to mask, fewer only where there are not so many tokens.</param>
    /// <param name="random">The numbers of this microbatch.</param>
    public void Mask(MaskedMicrobatch microbatch, int count, CounterRandom random)
    {
        var ids = microbatch.Ids;
        var tokens = ids.Length - (textOnly ? SpecialTokens.CountFrame(ids) : ids.AsSpan().Count(SpecialTokens.Pad));
        count = Math.Min(count, tokens);
        var (tokensBefore, masked) = (0L, 0);
        for (var row = 0; row < microbatch.Rows; row++)
        {
            var first = row * sequenceLength;
            var candidates = 0;
            for (var i = first; i < first + sequenceLength; i++)
            {
                _candidates[candidates] = i;
                candidates += (textOnly ? SpecialTokens.IsFrame(ids[i]) : ids[i] == SpecialTokens.Pad) ? 0 : 1;
            }

            // Cumulative rounding: the parts add up to count exactly.
            tokensBefore += candidates;
            var share = (int)(tokensBefore * count / Math.Max(1, tokens)) - masked;
            MaskRow(microbatch, _candidates.AsSpan(0, candidates), share, masked, ref random);
            masked += share;
        }

        microbatch.MaskedCount = count;
    }

    private void MaskRow(MaskedMicrobatch microbatch, Span<int> candidates, int share, int masked, ref CounterRandom random)
    {
        var ids = microbatch.Ids;
        var replaced = masking == MaskingKind.AllMask ? share : (int)Math.Round(0.8 * share);
        var drawn = masking == MaskingKind.AllMask ? share : (int)Math.Round(0.9 * share);
        for (var i = 0; i < share; i++)
        {
            // Partial Fisher-Yates shuffle: each set of positions is equally likely, and so is each order.
            var pick = i + random.Below(candidates.Length - i);
            (candidates[i], candidates[pick]) = (candidates[pick], candidates[i]);
            var position = candidates[i];
            microbatch.Positions[masked + i] = position;
            microbatch.Labels[masked + i] = ids[position];
            if (i < replaced)
            {
                ids[position] = SpecialTokens.Mask;
            }
            else if (i < drawn)
            {
                ids[position] = SpecialTokens.FirstWord + random.Below(vocabularySize - SpecialTokens.FirstWord);
            }
        }
    }
}
