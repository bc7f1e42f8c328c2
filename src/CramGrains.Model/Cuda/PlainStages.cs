using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The plain twin of every kernel: TorchSharp operations on any device, in any precision. Tests hold it to autograd, and the kernels to it.</summary>
internal sealed class PlainStages(EncoderShape shape, Device device, ScalarType working, ScalarType master) : Stages(shape, device)
{
    private Tensor? _normPartials;

    public override ScalarType Working => working;

    public override ScalarType Master => master;

    private Tensor NormPartials => _normPartials ??= Allocate(master, Shape.Norms, 2, Shape.Hidden);

    public override void Enter()
    {
    }

    public override void Upload(int[] source, int count, Tensor destination)
    {
        using var scope = NewDisposeScope();
        destination.narrow(0, 0, count).copy_(tensor(source.AsSpan(0, count).ToArray(), dtype: ScalarType.Int32));
    }

    public override void Embedding(Tensor ids, Tensor word, Tensor table, Tensor scale, Tensor output, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor e = word.index_select(0, Index(ids, rows)).view(-1, Shape.Sequence, Shape.Hidden) + (scale * table); // [B, S, D]
        output.narrow(0, 0, rows).copy_(e.view(rows, Shape.Hidden));
    }

    public override void Norm(Tensor x, Tensor weight, Tensor bias, Tensor y, Tensor mean, Tensor rstd, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor v = x.narrow(0, 0, rows).to(master), m = v.mean([1], keepdim: true), c = v - m;
        Tensor r = (c.square().mean([1], keepdim: true) + Shape.Epsilon).rsqrt();
        y.narrow(0, 0, rows).copy_((c * r * weight) + bias);
        mean.narrow(0, 0, rows).copy_(m.squeeze(1));
        rstd.narrow(0, 0, rows).copy_(r.squeeze(1));
    }

    public override void NormBackward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor weight, Tensor? residual, Tensor dx, int norm, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor d = dy.narrow(0, 0, rows).to(master), r = rstd.narrow(0, 0, rows).unsqueeze(1);
        Tensor xhat = (x.narrow(0, 0, rows).to(master) - mean.narrow(0, 0, rows).unsqueeze(1)) * r, g = d * weight;
        Tensor through = r * (g - g.mean([1], keepdim: true) - (xhat * (g * xhat).mean([1], keepdim: true)));
        Partial(norm, 0).copy_((d * xhat).sum([0L]));
        Partial(norm, 1).copy_(d.sum([0L]));
        dx.narrow(0, 0, rows).copy_(residual is null ? through : through + residual.narrow(0, 0, rows));
    }

    public override void NormGradients(Tensor gradient, bool accumulate)
    {
        using var scope = NewDisposeScope();
        var layout = new ParameterLayout(Shape);
        for (int n = 0; n < Shape.Norms; n++)
        {
            Add(gradient.narrow(0, layout.Norms[n].Weight.Offset, Shape.Hidden), Partial(n, 0), accumulate);
            Add(gradient.narrow(0, layout.Norms[n].Bias.Offset, Shape.Hidden), Partial(n, 1), accumulate);
        }
    }

    public override void Linear(Tensor x, Tensor w, Tensor y, Tensor? residual, int rows, int n, int k)
    {
        using var scope = NewDisposeScope();
        Tensor product = x.narrow(0, 0, rows).matmul(w.t());
        y.narrow(0, 0, rows).copy_(residual is null ? product : product + residual.narrow(0, 0, rows));
    }

    public override void LinearInputGradient(Tensor dy, Tensor w, Tensor dx, int rows, int n, int k)
    {
        using var scope = NewDisposeScope();
        dx.narrow(0, 0, rows).copy_(dy.narrow(0, 0, rows).matmul(w));
    }

    public override void LinearWeightGradient(Tensor dy, Tensor x, Tensor dw, bool accumulate, int rows, int n, int k)
    {
        using var scope = NewDisposeScope();
        Add(dw, dy.narrow(0, 0, rows).to(master).t().matmul(x.narrow(0, 0, rows).to(master)), accumulate);
    }

    public override void Attention(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, int batch)
    {
        using var scope = NewDisposeScope();
        (Tensor q, Tensor k, Tensor v) = Split(qkv, batch);
        Tensor scores = Scores(q, k, lengths), l = scores.logsumexp(-1, keepdim: true);
        Tensor o = (scores - l).exp().matmul(v); // [B, H, S, K]
        output.narrow(0, 0, batch * Shape.Sequence).copy_(o.transpose(1, 2).reshape(-1, Shape.Hidden));
        lse.narrow(0, 0, batch).copy_(l.squeeze(-1) / Math.Log(2));
    }

    public override void AttentionBackward(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, Tensor doutput, Tensor dqkv, int batch)
    {
        using var scope = NewDisposeScope();
        int rows = batch * Shape.Sequence;
        (Tensor q, Tensor k, Tensor v) = Split(qkv, batch);
        Tensor Heads(Tensor t) => t.narrow(0, 0, rows).to(master).view(batch, Shape.Sequence, Shape.Heads, Shape.HeadSize).transpose(1, 2);
        Tensor d = Heads(doutput), delta = (d * Heads(output)).sum(-1, keepdim: true); // [B, H, S, 1]
        Tensor p = (Scores(q, k, lengths) - (lse.narrow(0, 0, batch).unsqueeze(-1) * Math.Log(2))).exp();
        Tensor ds = p * (d.matmul(v.transpose(-1, -2)) - delta) / Math.Sqrt(Shape.HeadSize);
        Tensor gradient = stack([ds.matmul(k), ds.transpose(-1, -2).matmul(q), p.transpose(-1, -2).matmul(d)]); // [3, B, H, S, K]
        dqkv.narrow(0, 0, rows).copy_(gradient.permute(1, 3, 0, 2, 4).reshape(rows, 3 * Shape.Hidden));
    }

    public override void Geglu(Tensor u, Tensor y, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor v = u.narrow(0, 0, rows).to(master);
        y.narrow(0, 0, rows).copy_(v.narrow(1, 0, Shape.Half) * nn.functional.gelu(v.narrow(1, Shape.Half, Shape.Half)));
    }

    public override void GegluBackward(Tensor u, Tensor dy, Tensor du, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor all = u.narrow(0, 0, rows).to(master), d = dy.narrow(0, 0, rows).to(master);
        Tensor value = all.narrow(1, 0, Shape.Half), gate = all.narrow(1, Shape.Half, Shape.Half);
        Tensor cdf = (1 + (gate / Math.Sqrt(2)).erf()) / 2, pdf = (gate.square() / -2).exp() / Math.Sqrt(2 * Math.PI);
        du.narrow(0, 0, rows).copy_(cat([d * gate * cdf, d * value * (cdf + (gate * pdf))], 1));
    }

    public override void Gather(Tensor x, Tensor positions, Tensor output, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor at = Index(positions, rows);
        output.narrow(0, 0, rows).copy_(x.index_select(0, at.clamp_min(0)) * at.ge(0).unsqueeze(1));
    }

    public override void Scatter(Tensor input, Tensor positions, Tensor x, int rows, int xRows)
    {
        using var scope = NewDisposeScope();
        Tensor at = Index(positions, rows), used = at.ge(0).nonzero().squeeze(1);
        x.narrow(0, 0, xRows).zero_().index_copy_(0, at.index_select(0, used), input.index_select(0, used));
    }

    public override void CrossEntropy(Tensor logits, Tensor labels, Tensor losses, float scale, float z, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor x = logits.narrow(0, 0, rows).to(master), label = Index(labels, rows), used = label.ge(0).unsqueeze(1); // [R, V], [R], [R, 1]
        Tensor lse = x.logsumexp(1, keepdim: true), at = label.clamp_min(0).unsqueeze(1);
        losses.narrow(0, 0, rows).copy_(((lse - x.gather(1, at) + (z * lse.square())) * used).squeeze(1));
        if (scale != 0)
        {
            Tensor gradient = (x - lse).exp() * (1 + (2 * z * lse));
            logits.narrow(0, 0, rows).copy_(gradient.scatter_add(1, at, -ones_like(lse)) * used * scale);
        }
    }

    public override void Sum(Tensor values, Tensor output, int count, float scale)
    {
        using var scope = NewDisposeScope();
        output.copy_(values.narrow(0, 0, count).sum() * scale);
    }

    public override void EmbeddingBackward(Tensor de, DeviceMicrobatch batch, EmbeddingOrder order, Tensor gradient, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor ids = Index(batch.Ids, rows), used = ids.ne(0).nonzero().squeeze(1);
        gradient.index_add_(0, ids.index_select(0, used), de.narrow(0, 0, rows).index_select(0, used).to(master), 1);
    }

    public override void PositionScaleGradient(Tensor de, Tensor table, Tensor gradient, bool accumulate, int rows)
    {
        using var scope = NewDisposeScope();
        Add(gradient, (de.narrow(0, 0, rows).to(master).view(-1, Shape.Sequence, Shape.Hidden) * table).sum().view(1), accumulate);
    }

    public override void AdamW(FlatParameters p, AdamWSettings s, Tensor norm)
    {
        using var scope = NewDisposeScope();
        norm.copy_(p.Gradient.norm());
        Tensor g = s.ClipNorm > 0 ? p.Gradient * (s.ClipNorm / (norm + 1e-6)).clamp_max(1) : p.Gradient;
        p.FirstMoment.mul_(s.Beta1).add_(g, 1 - s.Beta1);
        p.SecondMoment.mul_(s.Beta2).addcmul_(g, g, 1 - s.Beta2);
        p.Masters.narrow(0, 0, p.Layout.Decayed).mul_(1 - (s.LearningRate * s.WeightDecay));
        Tensor denominator = (p.SecondMoment.sqrt() / Math.Sqrt(1 - Math.Pow(s.Beta2, s.Step))) + s.Epsilon;
        p.Masters.addcdiv_(p.FirstMoment, denominator, -s.LearningRate / (1 - Math.Pow(s.Beta1, s.Step)));
        RefreshWorking(p);
    }

    public override void RefreshWorking(FlatParameters p) => p.Working.copy_(p.Masters);

    private Tensor Partial(int norm, int which) => NormPartials.select(0, norm).select(0, which);

    private static void Add(Tensor to, Tensor value, bool accumulate)
    {
        if (accumulate)
        {
            to.add_(value);
        }
        else
        {
            to.copy_(value);
        }
    }

    private static Tensor Index(Tensor ids, int rows) => ids.narrow(0, 0, rows).to(ScalarType.Int64);

    private (Tensor Q, Tensor K, Tensor V) Split(Tensor qkv, int batch)
    {
        Tensor t = qkv.narrow(0, 0, batch * Shape.Sequence).to(master).view(batch, Shape.Sequence, 3, Shape.Heads, Shape.HeadSize).permute(2, 0, 3, 1, 4);
        return (t[0], t[1], t[2]); // each [B, H, S, K]
    }

    private Tensor Scores(Tensor q, Tensor k, Tensor? lengths)
    {
        Tensor s = q.matmul(k.transpose(-1, -2)) / Math.Sqrt(Shape.HeadSize); // [B, H, S, S]
        return lengths is null ? s : s.masked_fill(arange(Shape.Sequence, device: Device).view(1, 1, 1, -1).ge(lengths.view(-1, 1, 1, 1)), double.NegativeInfinity);
    }
}
