using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

internal sealed partial class PlainStages
{
    public override void TurnHeads(Tensor qkv, Tensor angles, Tensor? scales, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor x = Heads(qkv, rows).to(master); // [B, S, 2, H, K]
        if (scales is not null)
        {
            Tensor r = (x.square().mean([-1], keepdim: true) + Shape.Epsilon).rsqrt();
            scales.narrow(0, 0, rows).copy_(r.view(rows, 2, Shape.Heads));
            x = x * r;
        }

        Heads(qkv, rows).copy_(Shape.Rotary ? Turned(x, angles, 1) : x);
    }

    public override void TurnHeadsBackward(Tensor qkv, Tensor dqkv, Tensor angles, Tensor? scales, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor Back(Tensor t) => Shape.Rotary ? Turned(Heads(t, rows).to(master), angles, -1) : Heads(t, rows).to(master);
        Tensor g = Back(dqkv);
        if (scales is not null)
        {
            Tensor n = Back(qkv);
            g = scales.narrow(0, 0, rows).view(-1, Sequence, 2, Shape.Heads, 1) * (g - (n * (g * n).mean([-1], keepdim: true)));
        }

        Heads(dqkv, rows).copy_(g);
    }

    public override void Attention(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, int batch, DropoutSite? dropout = null, Float8Copy? copy = null)
    {
        using var scope = NewDisposeScope();
        (Tensor q, Tensor k, Tensor v) = Split(qkv, batch);
        Tensor scores = Scores(q, k, lengths), l = scores.logsumexp(-1, keepdim: true), p = (scores - l).exp();
        Tensor o = (dropout is { } site ? p * Kept(site, batch) : p).matmul(v); // [B, H, S, K]
        output.narrow(0, 0, batch * Sequence).copy_(Copied(o.transpose(1, 2).reshape(-1, Shape.Hidden), copy));
        LogSums(lse, batch).copy_(l.squeeze(-1) / Math.Log(2));
    }

    public override void AttentionBackward(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, Tensor doutput, Tensor? dqkv, int batch, DropoutSite? dropout = null, Float8Copy? copy = null)
    {
        using var scope = NewDisposeScope();
        int rows = batch * Sequence;
        (Tensor q, Tensor k, Tensor v) = Split(qkv, batch);
        Tensor Heads(Tensor t) => t.narrow(0, 0, rows).to(master).view(batch, Sequence, Shape.Heads, Shape.HeadSize).transpose(1, 2);
        Tensor d = Heads(doutput), delta = (d * Heads(output)).sum(-1, keepdim: true); // [B, H, S, 1]
        Tensor p = (Scores(q, k, lengths) - (LogSums(lse, batch).unsqueeze(-1) * Math.Log(2))).exp(), dp = d.matmul(v.transpose(-1, -2)), used = p;
        if (dropout is { } site)
        {
            Tensor kept = Kept(site, batch);
            (dp, used) = (dp * kept, p * kept);
        }

        Tensor ds = p * (dp - delta) / Math.Sqrt(Shape.HeadSize);
        Tensor gradient = stack([ds.matmul(k), ds.transpose(-1, -2).matmul(q), used.transpose(-1, -2).matmul(d)]); // [3, B, H, S, K]
        Tensor flat = Copied(gradient.permute(1, 3, 0, 2, 4).reshape(rows, 3 * Shape.Hidden), copy);
        dqkv?.narrow(0, 0, rows).copy_(flat);
    }

    public override void Dropout(Tensor x, Tensor? residual, Tensor y, DropoutSite site, int rows, int columns)
    {
        using var scope = NewDisposeScope();
        Tensor pack = arange((long)rows * columns / 8, ScalarType.Int64, Device), kept = Philox.Kept(pack, zeros_like(pack), site).view(rows, columns);
        Tensor dropped = x.narrow(0, 0, rows).to(master) * kept * site.Scale;
        y.narrow(0, 0, rows).copy_(residual is null ? dropped : dropped + residual.narrow(0, 0, rows));
    }

    private (Tensor Q, Tensor K, Tensor V) Split(Tensor qkv, int batch)
    {
        Tensor t = qkv.narrow(0, 0, batch * Sequence).to(master).view(batch, Sequence, 3, Shape.Heads, Shape.HeadSize).permute(2, 0, 3, 1, 4);
        return (t[0], t[1], t[2]); // each [B, H, S, K]
    }

    private Tensor Scores(Tensor q, Tensor k, Tensor? lengths)
    {
        Tensor s = q.matmul(k.transpose(-1, -2)) / Math.Sqrt(Shape.HeadSize); // [B, H, S, S]
        return lengths is null ? s : s.masked_fill(arange(Sequence, device: Device).view(1, 1, 1, -1).ge(lengths.narrow(0, 0, q.shape[0]).view(-1, 1, 1, 1)), double.NegativeInfinity);
    }

    /// <summary>Queries and keys as a view, <c>[B, S, 2, H, K]</c>.</summary>
    private Tensor Heads(Tensor qkv, int rows) => qkv.narrow(0, 0, rows).view(-1, Sequence, 3, Shape.Heads, Shape.HeadSize).narrow(2, 0, 2);

    /// <summary>Pairs (i, i + K/2) turned by their position's angle, or back by a <paramref name="sense"/> of -1.</summary>
    private Tensor Turned(Tensor x, Tensor angles, int sense)
    {
        Tensor a = angles.narrow(1, 0, Sequence).view(2, Sequence, 1, 1, -1), cosine = a[0], sine = a[1] * sense; // [S, 1, 1, K/2]
        Tensor[] half = x.chunk(2, -1);
        return cat([(half[0] * cosine) - (half[1] * sine), (half[1] * cosine) + (half[0] * sine)], -1);
    }

    /// <summary>The part of the buffer that rows of the current length fill, <c>[B, H, S]</c>.</summary>
    private Tensor LogSums(Tensor lse, int batch) => lse.view(-1).narrow(0, 0, (long)batch * Shape.Heads * Sequence).view(batch, Shape.Heads, Sequence);

    /// <summary>Attention's dropout as factors <c>[B, H, S, S]</c>: eight elements share a counter, two rows 8 apart and two pairs of columns 8 apart, as a warp holds them.</summary>
    private Tensor Kept(DropoutSite site, int batch)
    {
        int s = Sequence, matrices = batch * Shape.Heads;
        Tensor pair = arange((long)matrices * s / 2, ScalarType.Int64, Device).unsqueeze(1), group = arange(s / 4, ScalarType.Int64, Device).unsqueeze(0);
        Tensor c0 = (pair + zeros_like(group)).view(-1), c1 = (zeros_like(pair) + group).view(-1);
        // c0 = (matrix, row / 16, row mod 8), c1 = (column / 16, column mod 8 / 2); within: row bit 3, column bit 3, column bit 0.
        Tensor kept = Philox.Kept(c0, c1, site).view(matrices, s / 16, 8, s / 16, 4, 2, 2, 2);
        return kept.permute(0, 1, 5, 2, 3, 6, 4, 7).reshape(batch, Shape.Heads, s, s) * site.Scale;
    }

    private Tensor HeadDropped(Tensor x, DropoutSite? dropout)
    {
        if (dropout is not { } site)
        {
            return x;
        }

        Tensor pack = arange(x.numel() / 8, ScalarType.Int64, Device);
        return x * Philox.Kept(pack, zeros_like(pack), site).view(x.shape) * site.Scale;
    }
}
