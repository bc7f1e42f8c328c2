using CramGrains.Model.Data;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>One int32 buffer on the device that holds everything a microbatch brings, so that it travels in one copy.</summary>
/// <remarks>Order: ids, positions, labels, then what <see cref="EmbeddingOrder"/> made of the ids.</remarks>
internal sealed class DeviceMicrobatch
{
    private readonly int[] _host;
    private readonly Tensor _device;
    private readonly int _masked;

    public DeviceMicrobatch(Stages stages, int tokens, int masked)
    {
        _masked = masked;
        int pieces = EmbeddingOrder.MaximumPieces(tokens), longTokens = EmbeddingOrder.MaximumLong(tokens), at = 0;
        int[] sizes = [tokens, masked, masked, tokens, pieces + 1, pieces, 3 * longTokens, 2];
        int total = sizes.Sum(Round);
        _host = new int[total];
        _device = stages.Allocate(ScalarType.Int32, total);
        var parts = new Tensor[sizes.Length];
        Offsets = new int[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            Offsets[i] = at;
            parts[i] = stages.View(_device.narrow(0, at, sizes[i]));
            at += Round(sizes[i]);
        }

        (Positions, Labels) = (parts[1], parts[2]);
        Index = new EmbeddingIndex(parts[0], parts[3], parts[4], parts[5], parts[6], parts[7]);

        static int Round(int n) => (n + 3) / 4 * 4;
    }

    /// <summary>The ids, and their order by token.</summary>
    public EmbeddingIndex Index { get; }

    public Tensor Positions { get; }

    public Tensor Labels { get; }

    /// <summary>Masked positions that are computed with: the count rounded up, so that few product shapes occur while a mask fraction falls. The rest are -1.</summary>
    public int MaskedRows { get; private set; }

    private int[] Offsets { get; }

    /// <summary>Lays the microbatch out and sends it off.</summary>
    public void Send(Stages stages, MaskedMicrobatch microbatch, EmbeddingOrder? order, int multiple)
    {
        int used = microbatch.MaskedCount;
        MaskedRows = Math.Min(_masked, (used + multiple - 1) / multiple * multiple);
        microbatch.Ids.CopyTo(_host, Offsets[0]);
        microbatch.Positions.AsSpan(0, used).CopyTo(_host.AsSpan(Offsets[1]));
        microbatch.Labels.AsSpan(0, used).CopyTo(_host.AsSpan(Offsets[2]));
        _host.AsSpan(Offsets[1] + used, MaskedRows - used).Fill(-1);
        _host.AsSpan(Offsets[2] + used, MaskedRows - used).Fill(-1);
        int count = Offsets[3];
        if (order is not null)
        {
            order.Build(microbatch.Ids);
            order.CopyTo(_host, Offsets.AsSpan(3));
            (Index.Pieces, Index.LongTokens) = (order.Pieces, order.LongTokens);
            count = _host.Length;
        }

        stages.Upload(_host, count, _device);
    }
}

/// <summary>A microbatch's ids on the device with what <see cref="EmbeddingOrder"/> made of them.</summary>
/// <param name="Ids"><c>[T] int32</c>.</param>
/// <param name="Order">Positions sorted by token.</param>
/// <param name="Starts">First index into the order of each piece.</param>
/// <param name="Targets">Each piece's token or row of partial sums.</param>
/// <param name="Long">Tokens of several pieces.</param>
/// <param name="Counts"><c>[2] int32</c>: pieces and long tokens, for launches whose size is fixed.</param>
internal sealed record EmbeddingIndex(Tensor Ids, Tensor Order, Tensor Starts, Tensor Targets, Tensor Long, Tensor Counts)
{
    /// <summary>Pieces to launch: this microbatch's, or the most there can be.</summary>
    public int Pieces { get; set; }

    /// <summary>Long tokens to launch, likewise.</summary>
    public int LongTokens { get; set; }
}
