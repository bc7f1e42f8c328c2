using CramGrains.Model.Evaluation;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>One int32 buffer on the device with everything that a fine-tuning step needs to know, so that it travels in one copy and the launches stay the same.</summary>
internal sealed class DeviceExamples
{
    private const int Header = 8;

    private readonly int[] _host;
    private readonly int[] _offsets;
    private readonly Tensor _device;

    public DeviceExamples(Stages stages, int rows, int trainingRows)
    {
        int most = rows * stages.Shape.Sequence, trained = trainingRows * stages.Shape.Sequence;
        int pieces = EmbeddingOrder.MaximumPieces(trained), longTokens = EmbeddingOrder.MaximumLong(trained), at = 0;
        int[] sizes = [Header, rows, rows, rows, most, trained, pieces + 1, pieces, 3 * longTokens, 2];
        _offsets = new int[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            _offsets[i] = at;
            at += (sizes[i] + 3) / 4 * 4;
        }

        _host = new int[at];
        _device = stages.Allocate(ScalarType.Int32, at);
        Tensor Part(int i) => stages.View(_device.narrow(0, _offsets[i], sizes[i]));
        DropoutState = stages.View(_device.narrow(0, 0, 3));
        Live = stages.View(_device.narrow(0, 4, 3));
        (Lengths, Positions, Labels) = (Part(1), Part(2), Part(3));
        Index = new EmbeddingIndex(Part(4), Part(5), Part(6), Part(7), Part(8), Part(9)) { Pieces = pieces, LongTokens = longTokens };
    }

    /// <summary>Key of the dropout stream, and the step.</summary>
    public Tensor DropoutState { get; }

    /// <summary>Learning rate and both bias corrections, <c>[3] int32</c>: the bits of float32.</summary>
    public Tensor Live { get; }

    /// <summary>Tokens of each example, <c>[B] int32</c>.</summary>
    public Tensor Lengths { get; }

    /// <summary>Where each example's [CLS] lies, <c>[B] int32</c>.</summary>
    public Tensor Positions { get; }

    /// <summary>Class numbers, or the bits of float32 scores, <c>[B] int32</c>.</summary>
    public Tensor Labels { get; }

    /// <summary>Ids, padded with 0, and their order by token.</summary>
    public EmbeddingIndex Index { get; }

    /// <summary>Tokens per row that a batch is padded to: a multiple of <paramref name="multiple"/> that its longest example fits into.</summary>
    public static int Padded(EncodedExamples examples, ReadOnlySpan<int> rows, int multiple)
    {
        int longest = 1;
        foreach (int row in rows)
        {
            longest = Math.Max(longest, examples.Ids(row).Length);
        }

        return (longest + multiple - 1) / multiple * multiple;
    }

    /// <summary>Lays a batch out and sends it off.</summary>
    /// <param name="stages">Where to.</param>
    /// <param name="examples">All examples.</param>
    /// <param name="rows">Those of the batch.</param>
    /// <param name="order">Sorts the ids for a training step; null for a forward pass.</param>
    /// <param name="regression">Labels are scores.</param>
    /// <param name="step">Key and step of dropout, then learning rate and corrections; empty for a forward pass.</param>
    public void Send(Stages stages, EncodedExamples examples, ReadOnlySpan<int> rows, EmbeddingOrder? order, bool regression, ReadOnlySpan<int> step)
    {
        int s = stages.Sequence;
        Span<int> ids = _host.AsSpan(_offsets[4], rows.Length * s);
        ids.Clear();
        step.CopyTo(_host);
        for (int i = 0; i < rows.Length; i++)
        {
            ReadOnlySpan<int> from = examples.Ids(rows[i]);
            from.CopyTo(ids[(i * s)..]);
            _host[_offsets[1] + i] = from.Length;
            _host[_offsets[2] + i] = i * s;
            double label = examples.Label(rows[i]);
            _host[_offsets[3] + i] = regression ? BitConverter.SingleToInt32Bits((float)label) : (int)label;
        }

        int count = _offsets[5];
        if (order is not null)
        {
            order.Build(ids);
            order.CopyTo(_host, _offsets.AsSpan(5));
            count = _host.Length;
        }

        stages.Upload(_host, count, _device);
    }
}
