using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>Examples as <c>[CLS] a [SEP] b [SEP]</c>, encoded once and kept in managed memory, from which padded batches are cut.</summary>
/// <remarks>B examples in a batch, S tokens of the longest of them.</remarks>
internal sealed class EncodedExamples
{
    private readonly int[][] _ids;
    private readonly int[] _secondAt; // where the second sentence begins; beyond the end for single ones
    private readonly int[] _cut; // tokens that found no room
    private readonly double[] _labels;
    private readonly InputFormat _format;

    /// <param name="examples">The examples.</param>
    /// <param name="encoder">Gives ids without special tokens.</param>
    /// <param name="format">Length, separators and segments of an input.</param>
    /// <param name="cancellation">Stops the encoding.</param>
    public EncodedExamples(IReadOnlyList<GlueExample> examples, ITextEncoder encoder, InputFormat format, CancellationToken cancellation)
    {
        _ids = new int[examples.Count][];
        _secondAt = new int[examples.Count];
        _cut = new int[examples.Count];
        _labels = [.. examples.Select(example => example.Label)];
        _format = format;
        Parallel.For(0, examples.Count, new() { CancellationToken = cancellation }, i =>
        {
            var first = encoder.Encode(examples[i].First);
            var second = examples[i].Second is { } text ? encoder.Encode(text) : format.SinglesAsPairs ? [] : null;
            _ids[i] = Join(first, second, format.MaximumLength, out _secondAt[i], format.PairSeparators);
            _cut[i] = first.Count + (second is null ? 2 : second.Count + 2 + format.PairSeparators) - _ids[i].Length;
        });
    }

    /// <param name="ids">Tokens of each example, special ones included.</param>
    /// <param name="labels">Class numbers or scores.</param>
    /// <param name="maximumLength">Tokens per example at most.</param>
    public EncodedExamples(int[][] ids, double[] labels, int maximumLength) =>
        (_ids, _secondAt, _cut, _labels, _format) = (ids, [.. ids.Select(row => row.Length)], new int[ids.Length], labels, new InputFormat(maximumLength));

    public int Count => _ids.Length;

    /// <summary>Special tokens around one or two sentences; what is too long is cut from the end of the longer one, a token at a time.</summary>
    public static int[] Join(IReadOnlyList<int> first, IReadOnlyList<int>? second, int maximumLength, int separators = 1) =>
        Join(first, second, maximumLength, out _, separators);

    /// <inheritdoc cref="Join(IReadOnlyList{int}, IReadOnlyList{int}?, int, int)"/>
    /// <param name="first">Ids of the first sentence.</param>
    /// <param name="second">Ids of the second sentence; null for none.</param>
    /// <param name="maximumLength">Tokens of the result at most.</param>
    /// <param name="secondAt">Where the second sentence begins, right after the separators; the length of the result for a single sentence.</param>
    /// <param name="separators">Separators between the sentences.</param>
    public static int[] Join(IReadOnlyList<int> first, IReadOnlyList<int>? second, int maximumLength, out int secondAt, int separators = 1)
    {
        int a = first.Count, b = second?.Count ?? 0;
        int special = second is null ? 2 : 2 + separators;
        while (a + b > maximumLength - special)
        {
            if (a > b)
            {
                a--;
            }
            else
            {
                b--;
            }
        }

        int[] ids = new int[a + b + special];
        int at = 0;
        ids[at++] = SpecialTokens.Classify;
        for (int i = 0; i < a; i++)
        {
            ids[at++] = first[i];
        }

        for (int i = 0; i < (second is null ? 1 : separators); i++)
        {
            ids[at++] = SpecialTokens.Separator;
        }

        secondAt = at;
        if (second is not null)
        {
            for (int i = 0; i < b; i++)
            {
                ids[at++] = second[i];
            }

            ids[at] = SpecialTokens.Separator;
        }

        return ids;
    }

    /// <summary>Tokens of one example, special ones included.</summary>
    public ReadOnlySpan<int> Ids(int row) => _ids[row];

    /// <summary>Tokens of it that were cut, because the model takes no more.</summary>
    public int Cut(int row) => _cut[row];

    /// <summary>Its class number or score.</summary>
    public double Label(int row) => _labels[row];

    /// <summary>All indices, short examples first, equal lengths in their own order: batches of like lengths have little padding.</summary>
    public int[] ByLength() => [.. Enumerable.Range(0, Count).OrderBy(i => _ids[i].Length)];

    /// <summary>A batch padded to its longest example.</summary>
    /// <param name="rows">Indices of its examples.</param>
    /// <param name="multiple">Pads on to a multiple of this, but never beyond the maximum length.</param>
    /// <param name="device">Where the tensors go; they belong to the caller's dispose scope.</param>
    public EncodedBatch Batch(ReadOnlySpan<int> rows, int multiple, Device device)
    {
        int longest = 0, shortest = int.MaxValue;
        foreach (int row in rows)
        {
            longest = Math.Max(longest, _ids[row].Length);
            shortest = Math.Min(shortest, _ids[row].Length);
        }

        int s = Math.Min((longest + multiple - 1) / multiple * multiple, _format.MaximumLength);
        long[] ids = new long[rows.Length * s]; // zero is [PAD]
        long[]? segments = _format.Segments ? new long[rows.Length * s] : null; // padding too is of the first, as tokenizers have it
        long[] lengths = new long[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            int[] row = _ids[rows[i]];
            lengths[i] = row.Length;
            for (int j = 0; j < row.Length; j++)
            {
                ids[(i * s) + j] = row[j];
            }

            segments?.AsSpan((i * s) + _secondAt[rows[i]], row.Length - _secondAt[rows[i]]).Fill(1);
        }

        var mask = shortest == s ? null : arange(s, device: device).unsqueeze(0) < tensor(lengths, device: device).unsqueeze(1); // [B, S]
        return new(tensor(ids, rows.Length, s, device: device), mask, segments is null ? null : tensor(segments, rows.Length, s, device: device));
    }

    /// <summary>Class numbers, <c>[B] int64</c>.</summary>
    public Tensor Classes(ReadOnlySpan<int> rows, Device device)
    {
        long[] labels = new long[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            labels[i] = (long)_labels[rows[i]];
        }

        return tensor(labels, device: device);
    }

    /// <summary>Scores, <c>[B] float32</c>.</summary>
    public Tensor Scores(ReadOnlySpan<int> rows, Device device)
    {
        float[] labels = new float[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            labels[i] = (float)_labels[rows[i]];
        }

        return tensor(labels, device: device);
    }
}

/// <summary>One batch of inputs.</summary>
/// <param name="Ids"><c>[B, S] int64</c>.</param>
/// <param name="Mask"><c>[B, S] bool</c>, true for real tokens; null when nothing is padded.</param>
/// <param name="Segments"><c>[B, S] int64</c>, 1 in the second sentence; null where the model has no segments.</param>
internal readonly record struct EncodedBatch(Tensor Ids, Tensor? Mask, Tensor? Segments = null);
