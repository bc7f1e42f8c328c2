using CramGrains.Model.Cuda.Interop;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

internal sealed unsafe partial class CudaStages
{
    public override void TurnHeads(Tensor qkv, Tensor angles, Tensor? scales, int rows)
    {
        int vectors = rows * 2 * Shape.Heads;
        Launch(At("turn_heads"), Grid.Cover((long)vectors * Shape.HeadSize / 8, 256), qkv, angles, scales, Shape.Heads, vectors, Shape.Epsilon, Shape.Sequence * Shape.HeadSize / 2);
    }

    public override void TurnHeadsBackward(Tensor qkv, Tensor dqkv, Tensor angles, Tensor? scales, int rows)
    {
        int vectors = rows * 2 * Shape.Heads;
        Launch(At("turn_heads_backward"), Grid.Cover((long)vectors * Shape.HeadSize / 8, 256), qkv, dqkv, angles, scales, Shape.Heads, vectors, Shape.Sequence * Shape.HeadSize / 2);
    }

    public override void Attention(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, int batch, DropoutSite? dropout = null, Float8Copy? copy = null)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            At("attention_forward") + Variant(dropout, copy), new Grid(Shape.Heads, batch), qkv, lengths, output, lse, Shape.Heads, drop.State, drop.Site, drop.Threshold, drop.Scale,
            copy?.Data, copy?.Scale, copy?.Largest);
    }

    public override void AttentionBackward(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, Tensor doutput, Tensor? dqkv, int batch, DropoutSite? dropout = null, Float8Copy? copy = null)
    {
        if (_kernels[At("attention_backward")].SharedBytes > _device.SharedBytes)
        {
            // A Turing GPU's blocks have 64 KiB, and with 128 tokens the gradient needs 96: the plain stage does it, with tensors of [B, H, S, S].
            (_plain ??= new PlainStages(Shape, Device, Working, Master)).Sequence = Sequence;
            _plain.AttentionBackward(qkv, lengths, output, lse, doutput, dqkv, batch, dropout, copy);
            return;
        }

        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            At("attention_backward") + Variant(dropout, copy), new Grid(Shape.Heads, batch), qkv, lengths, output, lse, doutput, dqkv, Shape.Heads,
            drop.State, drop.Site, drop.Threshold, drop.Scale, copy?.Data, copy?.Scale, copy?.Largest);
    }

    public override void Dropout(Tensor x, Tensor? residual, Tensor y, DropoutSite site, int rows, int columns)
    {
        int packs = rows * (columns / 8);
        Launch("dropout", Grid.Cover(packs, 256), x, residual, y, site.State, site.Site, site.Threshold, site.Scale, packs);
    }
}
