using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The plain twin of every kernel: TorchSharp operations on any device, in any precision. Tests hold it to autograd, and the kernels to it.</summary>
internal sealed class PlainStages(EncoderShape shape, Device device, ScalarType working, ScalarType master) : Stages(shape, device)
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

    public override void Linear8(Float8Copy x, Float8Weight w, Tensor y, Tensor? residual, int rows, int n, int k)
    {
        using var scope = NewDisposeScope();
        Tensor product = (x.Data.narrow(0, 0, (long)rows * k).view(rows, k) * x.Inverse).matmul((w.Straight.view(n, k) * w.Inverse).t());
        y.narrow(0, 0, rows).copy_(residual is null ? product : product + residual.narrow(0, 0, rows));
    }

    public override void LinearInputGradient8(Float8Copy dy, Float8Weight w, Tensor dx, int rows, int n, int k)
    {
        using var scope = NewDisposeScope();
        dx.narrow(0, 0, rows).copy_((dy.Data.narrow(0, 0, (long)rows * n).view(rows, n) * dy.Inverse).matmul((w.Transposed.view(k, n) * w.Inverse).t()));
    }

    public override void LinearWeightGradient8(Tensor dyT, Float8Copy dy, Tensor xT, Float8Copy x, Tensor dw, bool accumulate, int rows, int n, int k)
    {
        using var scope = NewDisposeScope();
        Tensor Read(Tensor t, int columns, Float8Copy c) => t.view(-1).narrow(0, 0, (long)rows * columns).view(columns, rows).to(master) * c.Inverse;
        Add(dw, Read(dyT, n, dy).matmul(Read(xT, k, x).t()), accumulate);
    }

    public override void Copy8(Tensor x, Float8Copy copy, int rows, int columns)
    {
        using var scope = NewDisposeScope();
        Copied(x.narrow(0, 0, rows).to(master), copy);
    }

    public override void Transpose8(Float8Copy copy, Tensor to, int rows, int columns)
    {
        using var scope = NewDisposeScope();
        long count = (long)rows * columns;
        to.view(-1).narrow(0, 0, count).copy_(copy.Data.narrow(0, 0, count).view(rows, columns).t().contiguous().view(-1));
    }

    public override void Float8Scale(Float8Scales scales, int gradients, int headroom, double keep)
    {
        using var scope = NewDisposeScope();
        double[] largest = scales.Largest.to(float64).cpu().data<double>().ToArray(), now = scales.Scales.to(float64).cpu().data<double>().ToArray();
        for (int i = 0; i < largest.Length; i++)
        {
            if (largest[i] > 0 && double.IsFinite(largest[i]))
            {
                now[i] = Math.ScaleB(1, Math.Clamp((i < gradients ? 7 : 14) - Math.ILogB((float)largest[i]) - headroom, -100, 100));
            }
        }

        scales.Scales.copy_(tensor(now));
        scales.Inverses.copy_(1 / tensor(now));
        scales.Largest.copy_(tensor(largest.Select(l => l > 0 && double.IsFinite(l) ? l * keep : 0).ToArray()));
    }

    public override void Float8Weights(FlatParameters p, Float8State state)
    {
        using var scope = NewDisposeScope();
        Tensor Matrix(ParameterLayout.Entry e) => p.Working.narrow(0, e.Offset, e.Count).view(e.Shape).to(master);
        state.WeightScales.Largest.copy_(stack(state.Entries.Select(e => Matrix(e).abs().max()).ToArray()));
        Float8Scale(state.WeightScales, state.Entries.Length, 0, keep: 0);
        for (int i = 0; i < state.Entries.Length; i++)
        {
            ParameterLayout.Entry e = state.Entries[i];
            Tensor rounded = Rounded(Matrix(e) * state.WeightScales.Scales[i], gradient: false);
            state.Straight.narrow(0, e.Offset, e.Count).copy_(rounded.view(-1));
            state.Transposed.narrow(0, e.Offset, e.Count).copy_(rounded.t().contiguous().view(-1));
        }
    }

    /// <summary>Values in FP8 are kept as what they stand for.</summary>
    public override Tensor AllocateFloat8(long count) => Allocate(master, count);

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

    /// <summary>Writes the FP8 copy of a stage's result, if it is to have one, and returns the result.</summary>
    private static Tensor Copied(Tensor value, Float8Copy? copy)
    {
        if (copy is not null)
        {
            copy.Data.narrow(0, 0, value.numel()).copy_(Rounded(value * copy.Scale, copy.Gradient).contiguous().view(-1));
            copy.Largest.copy_(maximum(copy.Largest, value.abs().max()));
        }

        return value;
    }

    /// <summary>To the nearest value of e5m2 or e4m3, ties to even, clipped to the largest (Micikevicius et al. 2022, section 3).</summary>
    internal static Tensor Rounded(Tensor x, bool gradient)
    {
        (double most, int lowest, int digits) = gradient ? (57344.0, -14, 2) : (448.0, -6, 3);
        Tensor clipped = x.clamp(-most, most), exponent = clipped.abs().clamp_min(Math.ScaleB(1, lowest)).log2().floor();
        Tensor quantum = pow(2.0, exponent - digits);
        return (clipped / quantum).round() * quantum; // rounds half to even
    }

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
