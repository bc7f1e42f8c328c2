using CramGrains.Model.Cuda.Interop;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

internal sealed unsafe partial class CudaStages
{
    // Both operands of an FP8 product have the summed index innermost: the first is a transposed column-major matrix.
    public override void Linear8(Float8Copy x, Float8Weight w, Tensor y, Tensor? residual, int rows, int n, int k) => MultiplyScaled(
        new(true, false, n, rows, k, CublasLt.Float8E4M3, CublasLt.Float8E4M3, CublasLt.Bfloat16, residual is not null, FastAccumulation: true), w.Straight, w.Inverse, x, residual ?? y, y);

    public override void LinearInputGradient8(Float8Copy dy, Float8Weight w, Tensor dx, int rows, int n, int k) => MultiplyScaled(
        new(true, false, k, rows, n, CublasLt.Float8E4M3, CublasLt.Float8E5M2, CublasLt.Bfloat16, false, FastAccumulation: true), w.Transposed, w.Inverse, dy, dx, dx);

    public override void LinearWeightGradient8(Tensor dyT, Float8Copy dy, Tensor xT, Float8Copy x, Tensor dw, bool accumulate, int rows, int n, int k) =>
        _products.MultiplyScaled(
            new(true, false, k, n, rows, CublasLt.Float8E4M3, CublasLt.Float8E5M2, CublasLt.Float32, accumulate, FastAccumulation: true),
            TensorPointer.Of(xT), TensorPointer.Of(x.Inverse), TensorPointer.Of(dyT), TensorPointer.Of(dy.Inverse), TensorPointer.Of(dw), accumulate ? 1 : 0, TensorPointer.Of(dw));

    public override void Copy8(Tensor x, Float8Copy copy, int rows, int columns) =>
        Launch("float8_copy", _streamBlocks, x, copy.Data, copy.Scale, copy.Largest, rows * (columns / 8));

    public override void Transpose8(Float8Copy copy, Tensor to, int rows, int columns) =>
        Launch("float8_transpose", new Grid((columns + 63) / 64, (rows + 127) / 128), copy.Data, to, rows, columns);

    public override void Float8Scale(Float8Scales s, int gradients, int headroom, double keep)
    {
        int count = (int)s.Scales.numel();
        Launch("float8_scales", Grid.Cover(count, 256), s.Largest, s.Scales, s.Inverses, count, gradients, headroom, (float)keep);
    }

    public override void Float8Weights(FlatParameters p, Float8State state)
    {
        if (!ReferenceEquals(_matricesOf, state))
        {
            _matrices ??= Allocate(int64, state.Entries.Length * 3);
            _matrices.copy_(tensor(state.Entries.SelectMany(e => (long[])[e.Offset, e.Shape[0] | (e.Shape[1] << 32), 0]).ToArray()));
            _matricesOf = state;
        }

        int tiles = state.Entries.Max(e => (int)(((e.Shape[0] + 63) / 64) * ((e.Shape[1] + 63) / 64)));
        Launch("float8_weight_amax", new Grid(64, state.Entries.Length), p.Working, _matrices, state.WeightScales.Largest);
        Float8Scale(state.WeightScales, state.Entries.Length, 0, keep: 0);
        Launch("float8_weights", new Grid(tiles, state.Entries.Length), p.Working, _matrices, state.WeightScales.Scales, state.Straight, state.Transposed);
    }

    public override Tensor AllocateFloat8(long count) => Allocate(ScalarType.Byte, count);

    private void MultiplyScaled(GemmShape shape, Tensor a, Tensor scaleA, Float8Copy b, Tensor c, Tensor d) => _products.MultiplyScaled(
        shape, TensorPointer.Of(a), TensorPointer.Of(scaleA), TensorPointer.Of(b.Data), TensorPointer.Of(b.Inverse), TensorPointer.Of(c), shape.Accumulates ? 1 : 0, TensorPointer.Of(d));

    private static string Copying(Float8Copy? copy) => copy is null ? "" : KernelRequests.Copies;
}
