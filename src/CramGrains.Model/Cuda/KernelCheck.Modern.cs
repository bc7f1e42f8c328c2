using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

public static partial class KernelCheck
{
    internal sealed partial class KernelChecks
    {
        /// <summary>Rotary positions and the norm of queries and keys.</summary>
        public void Turning()
        {
            string what = $"{(_s.Rotary ? ", rotary" : "")}{(_s.QueryKeyNorm ? ", norm" : "")}";
            Tensor qkv = Work(_t, 3 * _s.Hidden), dqkv = Work(_t, 3 * _s.Hidden), angle = Full(_s.Sequence, _s.HeadSize / 2), angles = stack([angle.cos(), angle.sin()]);
            Tensor? Scales(Tensor room) => _s.QueryKeyNorm ? room : null;
            Output scales = Stat(_t, 2, _s.Heads);
            Output[] outputs = _s.QueryKeyNorm ? [Out(_t, 3 * _s.Hidden), scales] : [Out(_t, 3 * _s.Hidden)];
            Compare(
                $"turn heads{what}", o => { o[0].copy_(qkv); fast.TurnHeads(o[0], angles, Scales(o[^1]), _t); },
                o => { o[0].copy_(qkv); plain.TurnHeads(o[0], Double(angles), Scales(o[^1]), _t); }, outputs);
            Tensor kept = rand(_t, 2, _s.Heads, device: fast.Device) + 0.5;
            Compare(
                $"turn heads backward{what}", o => { o[0].copy_(dqkv); fast.TurnHeadsBackward(qkv, o[0], angles, Scales(kept), _t); },
                o => { o[0].copy_(dqkv); plain.TurnHeadsBackward(Double(qkv), o[0], Double(angles), Scales(Double(kept)), _t); }, Out(_t, 3 * _s.Hidden));
        }

        /// <summary>Residual scalars, each layer in its turn, and their learning rate; the head transform's activation; a sum without a norm.</summary>
        public void Mixing()
        {
            int d = _s.Hidden, layers = _s.Layers;
            Tensor x = Work(_t, d), start = Work(_t, d), dy = Work(_t, d), residual = Full(layers).abs(), embedding = Full(layers).abs(), before = Full(layers), other = Full(layers);
            // Positive scalars: shares that cancel would leave the rounding of the sum that is kept in 16 bits.
            (Tensor x64, Tensor start64, Tensor dy64, Tensor r64, Tensor e64) = (Double(x), Double(start), Double(dy), Double(residual), Double(embedding));
            Compare("mix", o => fast.Mix(x, start, residual, embedding, o[0], layers - 1, _t), o => plain.Mix(x64, start64, r64, e64, o[0], layers - 1, _t), Out(_t, d));
            void Backward(Stages stages, Tensor[] o, Tensor from, Tensor stream, Tensor first, Tensor r, Tensor e)
            {
                for (int l = layers - 1; l >= 0; l--)
                {
                    stages.MixBackward(from, l == 0 ? first : stream, first, r, e, l > 0 ? o[0] : o[1], o[2], l, _t);
                }

                o[3].copy_(before);
                o[4].copy_(other);
                stages.MixGradients(o[3], o[4], accumulate: true);
                stages.MixGradients(o[5], o[6], accumulate: false);
            }

            Output sums = new(float32, 1e-3, layers);
            Compare(
                "mix backward", o => Backward(fast, o, dy, x, start, residual, embedding), o => Backward(plain, o, dy64, x64, start64, r64, e64),
                Out(_t, d), Out(_t, d), Out(_t, d), sums, sums, sums, sums);
            Optimizer(" with scalars", scalarFactor: 5);
            Compare("gelu", o => fast.Gelu(x, o[0], _t), o => plain.Gelu(x64, o[0], _t), Out(_t, d));
            Compare("gelu backward", o => fast.GeluBackward(x, dy, o[0], _t), o => plain.GeluBackward(x64, dy64, o[0], _t), Out(_t, d));
            Compare(
                "add rows", o => { o[0].copy_(x); fast.AddRows(o[0], dy, _t); }, o => { o[0].copy_(x64); plain.AddRows(o[0], dy64, _t); }, Out(_t, d));
        }
    }
}
