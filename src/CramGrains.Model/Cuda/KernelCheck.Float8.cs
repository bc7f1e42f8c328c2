using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

public static partial class KernelCheck
{
    internal sealed partial class KernelChecks
    {
        /// <summary>FP8 copies, their scales, and products of them.</summary>
        public void Float8()
        {
            (fast.Sequence, plain.Sequence) = (_s.Sequence, _s.Sequence);
            int d = _s.Hidden, f = _s.FeedForward, half = _s.Half;
            Tensor x = Work(_t, d), dy = Work(_t, d), w = Full(d), b = Full(d), u = Work(_t, f), g = Work(_t, half), qkv = Work(_t, 3 * d);
            Copies("norm", d, false, (s, o, c, to) => s.Norm(to(x), to(w), to(b), o, Room(s, _t), Room(s, _t), _t, c));
            (Tensor mean, Tensor deviation) = (zeros(_t, float32, fast.Device), ones(_t, float32, fast.Device));
            Copies("norm backward", d, true, (s, o, c, to) => s.NormBackward(to(dy), to(x), to(mean), to(deviation), to(w), null, o, 0, _t, c));
            Copies("geglu", half, false, (s, o, c, to) => s.Geglu(to(u), o, _t, c));
            Copies("geglu backward", f, true, (s, o, c, to) => s.GegluBackward(to(u), to(g), o, _t, c));
            Tensor sums = Room(fast, batch, _s.Heads, _s.Sequence), mixed = Room(fast, _t, d).to(fast.Working);
            Copies("attention", d, false, (s, o, c, to) => s.Attention(to(qkv), null, o, Room(s, batch, _s.Heads, _s.Sequence), batch, null, c));
            fast.Attention(qkv, null, mixed, sums, batch);
            Copies("attention backward", 3 * d, true, (s, o, c, to) => s.AttentionBackward(to(qkv), null, to(mixed), to(sums), to(dy), o, batch, null, c));
            Copies("gradient", d, true, (s, o, c, to) => { s.Copy8(to(dy), c, _t, d); o.copy_(dy); });
            Scales();
            Products8();
        }

        /// <summary>A stage's result with and without a copy, and the copy.</summary>
        private void Copies(string name, int columns, bool gradient, Action<Stages, Tensor, Float8Copy, Func<Tensor, Tensor>> stage)
        {
            double tolerance = name == "attention backward" ? 2e-2 : Narrow;
            (Float8Copy a, Float8Copy b) = (Copy(fast, columns, gradient), Copy(plain, columns, gradient));
            Compare($"{name} with copy", o => stage(fast, o[0], a, t => t), o => stage(plain, o[0], b, Double), new Output(bfloat16, tolerance, _t, columns));
            Record($"{name}: the copy", b.Data, Decoded(a.Data, gradient), 2 * tolerance);
            Record($"{name}: its largest", b.Largest, a.Largest, tolerance);
        }

        private Float8Copy Copy(Stages s, int columns, bool gradient) => new(
            s.AllocateFloat8((long)_t * columns), full(1, gradient ? 64.0 : 8, s.Master, s.Device), full(1, gradient ? 1.0 / 64 : 0.125, s.Master, s.Device), zeros(1, s.Master, s.Device), gradient);

        private void Scales()
        {
            double[] largest = [0, 1e-6, 0.5, 0.99, 1, 3, 448, 1e5, 0, 1e-9, 2, 1e7];
            Tensor Column(Stages s, double[] values) => (tensor(values, s.Master, s.Device).unsqueeze(1) * ones(4, s.Master, s.Device)).select(1, 0);
            Float8Scales Make(Stages s) => new(Column(s, [.. largest.Select(_ => 5.0)]), Column(s, [.. largest.Select(_ => 0.2)]), Column(s, largest));
            (Float8Scales a, Float8Scales b) = (Make(fast), Make(plain));
            fast.Float8Scale(a, 6, 2, 0.5);
            plain.Float8Scale(b, 6, 2, 0.5);
            Record("FP8 scales", b.Scales, a.Scales, 1e-6);
            Record("FP8 inverse scales", b.Inverses, a.Inverses, 1e-6);
            Record("FP8 largest, what stays", b.Largest, a.Largest, 1e-6);
        }

        private void Products8()
        {
            (FlatParameters a, FlatParameters b) = (new(fast, new ParameterLayout(_s)), new(plain, new ParameterLayout(_s)));
            a.Masters.normal_();
            fast.RefreshWorking(a);
            b.Working.copy_(a.Working);
            (Float8State p, Float8State q) = (new(fast, a, _t), new(plain, b, _t));
            fast.Float8Weights(a, p);
            plain.Float8Weights(b, q);
            foreach (ParameterLayout.Entry e in p.Entries)
            {
                // An element or two of millions lies so near a tie that float64 and float32 round it to different neighbours.
                Record($"FP8 weights {e.Name}", q.Straight.narrow(0, e.Offset, e.Count), Decoded(p.Straight.narrow(0, e.Offset, e.Count), false), 1e-3);
                Record($"FP8 weights {e.Name} transposed", q.Transposed.narrow(0, e.Offset, e.Count), Decoded(p.Transposed.narrow(0, e.Offset, e.Count), false), 1e-3);
            }

            int d = _s.Hidden, f = _s.FeedForward;
            WeightGradient8(f, d);
            (Tensor x, Tensor u, Tensor g, Tensor r) = (Work(_t, d), Work(_t, f), Work(_t, _s.Half), Work(_t, d));
            (Float8State.Layer fastLayer, Float8State.Layer plainLayer) = (p.Layers[0], q.Layers[0]);
            fast.Norm(x, ones(d, float32, fast.Device), zeros(d, float32, fast.Device), Work(_t, d), Room(fast, _t), Room(fast, _t), _t, fastLayer.Norm2);
            plainLayer.Norm2.Data.narrow(0, 0, (long)_t * d).copy_(Decoded(fastLayer.Norm2.Data.narrow(0, 0, (long)_t * d), false));
            Compare("linear FP8", o => fast.Linear8(fastLayer.Norm2, fastLayer.In, o[0], null, _t, f, d), o => plain.Linear8(plainLayer.Norm2, plainLayer.In, o[0], null, _t, f, d), Out(_t, f));
            Compare(
                "linear FP8 + residual", o => fast.Linear8(fastLayer.Norm2, fastLayer.Out, o[0], r, _t, d, d),
                o => plain.Linear8(plainLayer.Norm2, plainLayer.Out, o[0], Double(r), _t, d, d), Out(_t, d));
            fast.GegluBackward(u, g, Work(_t, f), _t, fastLayer.WideGradient);
            plainLayer.WideGradient.Data.narrow(0, 0, (long)_t * f).copy_(Decoded(fastLayer.WideGradient.Data.narrow(0, 0, (long)_t * f), true));
            Compare(
                "linear input gradient FP8", o => fast.LinearInputGradient8(fastLayer.WideGradient, fastLayer.In, o[0], _t, f, d),
                o => plain.LinearInputGradient8(plainLayer.WideGradient, plainLayer.In, o[0], _t, f, d), Out(_t, d));
        }

        /// <summary>A transposed pair of copies and the weight gradient from them.</summary>
        private void WeightGradient8(int n, int k)
        {
            (Tensor dy, Tensor x) = (Work(_t, n), Work(_t, k));
            (Float8Copy dy8, Float8Copy x8, Float8Copy dyTwin, Float8Copy xTwin) = (Copy(fast, n, true), Copy(fast, k, true), Copy(plain, n, true), Copy(plain, k, true));
            x8 = x8 with { Gradient = false };
            fast.Norm(Work(_t, k), ones(k, float32, fast.Device), zeros(k, float32, fast.Device), null, Room(fast, _t), Room(fast, _t), _t, x8);
            fast.Copy8(dy, dy8, _t, n);
            dyTwin.Data.copy_(Decoded(dy8.Data, true));
            xTwin.Data.copy_(Decoded(x8.Data, false));
            (Tensor dyT, Tensor xT, Tensor dyTwinT, Tensor xTwinT) =
                (fast.AllocateFloat8((long)_t * n), fast.AllocateFloat8((long)_t * k), plain.AllocateFloat8((long)_t * n), plain.AllocateFloat8((long)_t * k));
            foreach ((Stages s, Float8Copy copy, Tensor to, int columns) in ((Stages, Float8Copy, Tensor, int)[])[(fast, dy8, dyT, n), (fast, x8, xT, k), (plain, dyTwin, dyTwinT, n), (plain, xTwin, xTwinT, k)])
            {
                s.Transpose8(copy, to, _t, columns);
            }

            Record("FP8 transposed gradient", dyTwinT, Decoded(dyT, true), 1e-9);
            Record("FP8 transposed activation", xTwinT, Decoded(xT, false), 1e-9);
            // Fast accumulation keeps fewer bits of the sum over the tokens.
            Compare(
                "linear weight gradient FP8", o => fast.LinearWeightGradient8(dyT, dy8, xT, x8, o[0], false, _t, n, k),
                o => plain.LinearWeightGradient8(dyTwinT, dyTwin, xTwinT, xTwin, o[0], false, _t, n, k), new Output(float32, Narrow, n, k));
        }

        private static Tensor Room(Stages s, params long[] size) => zeros(size, s.Master, s.Device);

        /// <summary>What FP8 bytes stand for; a twin's values stand for themselves.</summary>
        private static Tensor Decoded(Tensor data, bool gradient)
        {
            if (data.dtype != ScalarType.Byte)
            {
                return data;
            }

            (int digits, int bias) = gradient ? (2, 15) : (3, 7);
            double[] values = [.. Enumerable.Range(0, 256).Select(i =>
            {
                int exponent = (i & 0x7f) >> digits, fraction = i & ((1 << digits) - 1);
                double value = exponent == 0 ? Math.ScaleB(fraction, 1 - bias - digits) : Math.ScaleB((1 << digits) + fraction, exponent - bias - digits);
                return i < 128 ? value : -value;
            })];
            return tensor(values, device: data.device).index_select(0, data.to(ScalarType.Int64));
        }
    }
}
