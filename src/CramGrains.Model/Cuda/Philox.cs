using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The counter-based generator of the dropout kernels (Philox4x32-10; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), as their plain twin.</summary>
/// <remarks>Words are int64 tensors with values below 2^32: a product's low word and, after an arithmetic shift, its high word come out right even where it wraps.</remarks>
internal static class Philox
{
    private const long Word = 0xffffffff, Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    /// <summary>Four words for each counter.</summary>
    /// <param name="c0">First counter word, <c>[N] int64</c>.</param>
    /// <param name="c1">Second, <c>[N]</c>.</param>
    /// <param name="c2">Third, the same for all.</param>
    /// <param name="c3">Fourth, the same for all.</param>
    /// <param name="key0">First word of the key.</param>
    /// <param name="key1">Second word of the key.</param>
    /// <returns><c>[N, 4] int64</c>, in the caller's dispose scope.</returns>
    public static Tensor Words(Tensor c0, Tensor c1, long c2, long c3, long key0, long key1)
    {
        using var scope = NewDisposeScope();
        Tensor x0 = c0, x1 = c1, x2 = full_like(c0, c2 & Word), x3 = full_like(c0, c3 & Word);
        long k0 = key0 & Word, k1 = key1 & Word;
        for (int round = 0; round < 10; round++)
        {
            Tensor p0 = x0 * Multiplier0, p1 = x2 * Multiplier1;
            (x0, x1, x2, x3) = (High(p1) ^ x1 ^ k0, p1 & Word, High(p0) ^ x3 ^ k1, p0 & Word);
            (k0, k1) = ((k0 + Weyl0) & Word, (k1 + Weyl1) & Word);
        }

        return stack([x0, x1, x2, x3], 1).MoveToOuterDisposeScope();
    }

    /// <summary>Whether each of the eight elements that share a counter is kept, <c>[N, 8] bool</c>.</summary>
    public static Tensor Kept(Tensor c0, Tensor c1, DropoutSite site)
    {
        using var scope = NewDisposeScope();
        int[] state = site.State.cpu().data<int>().ToArray();
        Tensor words = Words(c0, c1, site.Site, (uint)state[2], (uint)state[0], (uint)state[1]); // [N, 4]
        Tensor halves = stack([words & 0xffff, Shifted(words, 16) & 0xffff], 2).view(-1, 8);           // [N, 8], low half first
        return halves.ge(site.Threshold).MoveToOuterDisposeScope();
    }

    private static Tensor High(Tensor product) => Shifted(product, 32) & Word;

    private static Tensor Shifted(Tensor x, long bits) => x.bitwise_right_shift(full_like(x, bits));
}
