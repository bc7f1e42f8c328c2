using CramGrains.Model.Cuda.Interop;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>How fast one of the encoder's matrix products runs in bfloat16 and in FP8.</summary>
/// <param name="Product">Which matrix, and which of its three products.</param>
/// <param name="Tokens">T.</param>
/// <param name="Bfloat16Ms">Best of cuBLASLt's candidates, in milliseconds.</param>
/// <param name="Float8Ms">The same with FP8 operands, contraction innermost in both; infinite where there is none.</param>
/// <param name="Gigaflop">Arithmetic of it.</param>
public sealed record ProductMeasurement(string Product, int Tokens, double Bfloat16Ms, double Float8Ms, double Gigaflop);

/// <summary>Times the products of one layer.</summary>
public static class ProductBenchmark
{
    /// <summary>All twelve products of a layer.</summary>
    /// <exception cref="NotSupportedException">There is no GPU for it.</exception>
    public static IReadOnlyList<ProductMeasurement> Run(ArchitectureRecipe architecture, int tokens, Device device)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        CudaDevice cuda = CudaDevice.TryOpen(device, out string? whyNot) ?? throw new NotSupportedException($"There are no products to time: {whyNot}.");
        using var scope = NewDisposeScope();
        using var runner = new GemmRunner(cuda, device, cacheFolder: null);
        int d = architecture.HiddenSize, f = architecture.FeedForwardSize;
        var results = new List<ProductMeasurement>();
        foreach ((string name, int n, int k) in ((string, int, int)[])[("qkv", 3 * d, d), ("out", d, d), ("ffn_in", f, d), ("ffn_out", d, f / 2)])
        {
            const int Bf = CublasLt.Bfloat16, E4 = CublasLt.Float8E4M3, E5 = CublasLt.Float8E5M2, F = CublasLt.Float32;
            double flop = 2e-9 * tokens * n * k;
            double Best(GemmShape shape)
            {
                try
                {
                    return runner.Measure(shape);
                }
                catch (CudaException)
                {
                    return double.PositiveInfinity; // this library has no such product
                }
            }

            results.Add(new($"{name} forward", tokens, Best(new(true, false, n, tokens, k, Bf, Bf, Bf, false)), Best(new(true, false, n, tokens, k, E4, E4, Bf, false, true)), flop));
            results.Add(new(
                $"{name} input gradient", tokens, Best(new(false, false, k, tokens, n, Bf, Bf, Bf, false)), Best(new(true, false, k, tokens, n, E4, E5, Bf, false, true)), flop));
            results.Add(new(
                $"{name} weight gradient", tokens, Best(new(false, true, k, n, tokens, Bf, Bf, F, true)), Best(new(true, false, k, n, tokens, E4, E5, F, true, true)), flop));
        }

        return results;
    }
}
