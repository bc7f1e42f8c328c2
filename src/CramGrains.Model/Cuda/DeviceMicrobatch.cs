using CramGrains.Model.Data;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>One int32 buffer on the device that holds everything a microbatch brings, so that it travels in one copy.</summary>
/// <remarks>Order: ids, positions, labels, then what <see cref="EmbeddingOrder"/> made of the ids.</remarks>
internal sealed class DeviceMicrobatch
{
    private readonly int[] _host;
    private readonly Tensor _device;
    private readonly int _tokens, _masked;

    public DeviceMicrobatch(Stages stages, int tokens, int masked)
    {
        (_tokens, _masked) = (tokens, masked);
        int pieces = EmbeddingOrder.MaximumPieces(tokens), longTokens = EmbeddingOrder.MaximumLong(tokens), at = 0;
        int[] sizes = [tokens, masked, masked, tokens, pieces + 1, pieces, 3 * longTokens];
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

        (Ids, Positions, Labels, Order, Starts, Targets, Long) = (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]);

        static int Round(int n) => (n + 3) / 4 * 4;
    }

    public Tensor Ids { get; }

    public Tensor Positions { get; }

    public Tensor Labels { get; }

    public Tensor Order { get; }

    public Tensor Starts { get; }

    public Tensor Targets { get; }

    public Tensor Long { get; }

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
            order.Order.AsSpan(0, microbatch.Ids.Length).CopyTo(_host.AsSpan(Offsets[3], _tokens));
            order.Starts.AsSpan(0, order.Pieces + 1).CopyTo(_host.AsSpan(Offsets[4]));
            order.Targets.AsSpan(0, order.Pieces).CopyTo(_host.AsSpan(Offsets[5]));
            order.Long.AsSpan(0, 3 * order.LongTokens).CopyTo(_host.AsSpan(Offsets[6]));
            count = _host.Length;
        }

        stages.Upload(_host, count, _device);
    }
}
