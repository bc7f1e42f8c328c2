using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

internal sealed partial class PlainStages
{
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
}
