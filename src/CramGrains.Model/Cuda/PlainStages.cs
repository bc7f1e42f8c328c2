using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The plain twin of every kernel: TorchSharp operations on any device, in any precision. Tests hold it to autograd, and the kernels to it.</summary>
internal sealed partial class PlainStages(EncoderShape shape, Device device, ScalarType working, ScalarType master) : Stages(shape, device)
{
    private Tensor? _normPartials, _mixPartials;

    public override ScalarType Working => working;

    public override ScalarType Master => master;

    private Tensor NormPartials => _normPartials ??= Allocate(master, Shape.Norms, 2, Shape.Hidden);

    private Tensor MixPartials => _mixPartials ??= Allocate(master, 2, Shape.Layers);

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
        Tensor e = word.index_select(0, Index(ids, rows)).view(-1, Sequence, Shape.Hidden) + (scale * table.narrow(0, 0, Sequence)); // [B, S, D]
        output.narrow(0, 0, rows).copy_(e.view(rows, Shape.Hidden));
    }

    public override void Norm(Tensor x, Tensor weight, Tensor bias, Tensor? y, Tensor mean, Tensor rstd, int rows, Float8Copy? copy = null)
    {
        using var scope = NewDisposeScope();
        Tensor v = x.narrow(0, 0, rows).to(master), m = v.mean([1], keepdim: true), c = v - m;
        Tensor r = (c.square().mean([1], keepdim: true) + Shape.Epsilon).rsqrt();
        Tensor scaled = Copied((c * r * weight) + bias, copy);
        y?.narrow(0, 0, rows).copy_(scaled);
        mean.narrow(0, 0, rows).copy_(m.squeeze(1));
        rstd.narrow(0, 0, rows).copy_(r.squeeze(1));
    }

    public override void NormBackward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor weight, Tensor? residual, Tensor dx, int norm, int rows, Float8Copy? copy = null)
    {
        using var scope = NewDisposeScope();
        Tensor d = dy.narrow(0, 0, rows).to(master), r = rstd.narrow(0, 0, rows).unsqueeze(1);
        Tensor xhat = (x.narrow(0, 0, rows).to(master) - mean.narrow(0, 0, rows).unsqueeze(1)) * r, g = d * weight;
        Tensor through = r * (g - g.mean([1], keepdim: true) - (xhat * (g * xhat).mean([1], keepdim: true)));
        Partial(norm, 0).copy_((d * xhat).sum([0L]));
        Partial(norm, 1).copy_(d.sum([0L]));
        dx.narrow(0, 0, rows).copy_(Copied(residual is null ? through : through + residual.narrow(0, 0, rows), copy));
    }

    public override void NormGradients(ParameterLayout layout, Tensor gradient, bool accumulate)
    {
        using var scope = NewDisposeScope();
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

    public override void Mix(Tensor x, Tensor start, Tensor residual, Tensor embedding, Tensor y, int layer, int rows)
    {
        using var scope = NewDisposeScope();
        y.narrow(0, 0, rows).copy_((x.narrow(0, 0, rows).to(master) * residual[layer]) + (start.narrow(0, 0, rows).to(master) * embedding[layer]));
    }

    public override void MixBackward(Tensor dy, Tensor x, Tensor start, Tensor residual, Tensor embedding, Tensor dx, Tensor dstart, int layer, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor d = dy.narrow(0, 0, rows).to(master), sum = dstart.narrow(0, 0, rows), share = d * embedding[layer];
        MixPartials[0, layer] = (d * x.narrow(0, 0, rows).to(master)).sum();
        MixPartials[1, layer] = (d * start.narrow(0, 0, rows).to(master)).sum();
        Tensor all = layer == Shape.Layers - 1 ? share : sum.to(master) + share;
        dx.narrow(0, 0, rows).copy_(layer == 0 ? (d * residual[layer]) + all : d * residual[layer]);
        if (layer > 0)
        {
            sum.copy_(all);
        }
    }

    public override void MixGradients(Tensor residual, Tensor embedding, bool accumulate)
    {
        using var scope = NewDisposeScope();
        Add(residual, MixPartials[0], accumulate);
        Add(embedding, MixPartials[1], accumulate);
    }

    public override void Geglu(Tensor u, Tensor? y, int rows, Float8Copy? copy = null)
    {
        using var scope = NewDisposeScope();
        Tensor v = u.narrow(0, 0, rows).to(master);
        Tensor gated = Copied(v.narrow(1, 0, Shape.Half) * nn.functional.gelu(v.narrow(1, Shape.Half, Shape.Half)), copy);
        y?.narrow(0, 0, rows).copy_(gated);
    }

    public override void GegluBackward(Tensor u, Tensor dy, Tensor? du, int rows, Float8Copy? copy = null)
    {
        using var scope = NewDisposeScope();
        Tensor all = u.narrow(0, 0, rows).to(master), d = dy.narrow(0, 0, rows).to(master);
        Tensor value = all.narrow(1, 0, Shape.Half), gate = all.narrow(1, Shape.Half, Shape.Half);
        Tensor cdf = (1 + (gate / Math.Sqrt(2)).erf()) / 2, pdf = (gate.square() / -2).exp() / Math.Sqrt(2 * Math.PI);
        Tensor gradient = Copied(cat([d * gate * cdf, d * value * (cdf + (gate * pdf))], 1), copy);
        du?.narrow(0, 0, rows).copy_(gradient);
    }

    public override void Gelu(Tensor x, Tensor y, int rows)
    {
        using var scope = NewDisposeScope();
        y.narrow(0, 0, rows).copy_(nn.functional.gelu(x.narrow(0, 0, rows).to(master)));
    }

    public override void GeluBackward(Tensor x, Tensor dy, Tensor dx, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor v = x.narrow(0, 0, rows).to(master), cdf = (1 + (v / Math.Sqrt(2)).erf()) / 2, pdf = (v.square() / -2).exp() / Math.Sqrt(2 * Math.PI);
        dx.narrow(0, 0, rows).copy_(dy.narrow(0, 0, rows).to(master) * (cdf + (v * pdf)));
    }

    public override void AddRows(Tensor x, Tensor y, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor part = x.narrow(0, 0, rows);
        part.copy_(part.to(master) + y.narrow(0, 0, rows).to(master));
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

    public override void EmbeddingBackward(Tensor de, EmbeddingIndex index, Tensor gradient, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor ids = Index(index.Ids, rows), used = ids.ne(0).nonzero().squeeze(1);
        gradient.index_add_(0, ids.index_select(0, used), de.narrow(0, 0, rows).index_select(0, used).to(master), 1);
    }

    public override void PositionScaleGradient(Tensor de, Tensor table, Tensor gradient, bool accumulate, int rows)
    {
        using var scope = NewDisposeScope();
        Add(gradient, (de.narrow(0, 0, rows).to(master).view(-1, Sequence, Shape.Hidden) * table.narrow(0, 0, Sequence)).sum().view(1), accumulate);
    }

    public override void Classify(ClassifierWeights w, ClassifierBuffers b, Tensor? labels, DropoutSite? dropout, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor hidden = (b.Pre.narrow(0, 0, rows) + w.DenseBias).tanh(), outputs = HeadDropped(hidden, dropout).matmul(w.Weight.t()) + w.Bias; // [B, W], [B, C]
        b.Hidden.narrow(0, 0, rows).copy_(hidden);
        b.Outputs.narrow(0, 0, rows).copy_(outputs);
        if (labels is null)
        {
            return;
        }

        Tensor target = labels.narrow(0, 0, rows), losses = b.Losses.narrow(0, 0, rows), gradient = b.OutputGradient.narrow(0, 0, rows);
        if (b.Regression)
        {
            Tensor off = outputs.squeeze(1) - tensor(Floats(target), device: Device);
            losses.copy_(off.square());
            gradient.copy_((off * 2 / rows).unsqueeze(1));
        }
        else
        {
            Tensor at = target.to(ScalarType.Int64).unsqueeze(1), logs = outputs.log_softmax(1);
            losses.copy_(-logs.gather(1, at).squeeze(1));
            gradient.copy_(logs.exp().scatter_add(1, at, -ones_like(at, outputs.dtype)) / rows);
        }
    }

    public override void ClassifyBackward(ClassifierWeights w, ClassifierBuffers b, DropoutSite? dropout, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor d = b.OutputGradient.narrow(0, 0, rows), hidden = b.Hidden.narrow(0, 0, rows); // [B, C], [B, W]
        Tensor pre = HeadDropped(d.matmul(w.Weight), dropout) * (1 - hidden.square());
        b.PreGradient.narrow(0, 0, rows).copy_(pre);
        w.DenseBiasGradient.copy_(pre.sum([0L]));
        w.WeightGradient.copy_(d.t().matmul(HeadDropped(hidden, dropout)));
        w.BiasGradient.copy_(d.sum([0L]));
    }

    public override void Zero(Tensor x) => x.zero_();

    public override void AdamW(FlatParameters p, AdamWSettings s, Tensor? norm, Tensor? live)
    {
        using var scope = NewDisposeScope();
        norm?.copy_(p.Gradient.norm());
        Tensor g = norm is not null && s.ClipNorm > 0 ? p.Gradient * (s.ClipNorm / (norm + 1e-6)).clamp_max(1) : p.Gradient;
        float[] now = live is not null ? Floats(live) : [(float)s.LearningRate, (float)(1 - Math.Pow(s.Beta1, s.Step)), (float)(1 - Math.Pow(s.Beta2, s.Step))];
        (double rate, double correction1, double correction2) = (now[0], now[1], now[2]);
        foreach ((long from, long to, double by) in ((long, long, double)[])
            [(0, s.Skipped.From, 1), (s.Skipped.To, p.Layout.Scalars, 1), (p.Layout.Scalars, p.Layout.Total, s.ScalarFactor)])
        {
            Tensor Part(Tensor flat) => flat.narrow(0, from, to - from);
            (Tensor w, Tensor m, Tensor v, Tensor d) = (Part(p.Masters), Part(p.FirstMoment), Part(p.SecondMoment), Part(g));
            m.mul_(s.Beta1).add_(d, 1 - s.Beta1);
            v.mul_(s.Beta2).addcmul_(d, d, 1 - s.Beta2);
            if (from < p.Layout.Decayed)
            {
                w.narrow(0, 0, Math.Min(to, p.Layout.Decayed) - from).mul_(1 - (rate * s.WeightDecay));
            }

            w.addcdiv_(m, (v.sqrt() / Math.Sqrt(correction2)) + s.Epsilon, -rate * by / correction1);
        }

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

    /// <summary>The float32 values whose bits an int32 tensor holds.</summary>
    private static float[] Floats(Tensor bits) => [.. bits.cpu().data<int>().ToArray().Select(BitConverter.Int32BitsToSingle)];

    private static Tensor Index(Tensor ids, int rows) => ids.narrow(0, 0, rows).to(ScalarType.Int64);
}
