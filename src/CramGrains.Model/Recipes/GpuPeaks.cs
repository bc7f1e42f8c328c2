namespace CramGrains.Model.Recipes;

/// <summary>Peak speeds of GPUs by their vendors' data sheets: dense matrix products of bfloat16 or float16 with float32 accumulation.</summary>
/// <remarks>
/// The paper's exaFLOP count is this peak times the budget, so sparse or float16-accumulating figures, which data sheets print larger, would not
/// compare. The 2080 Ti and V100 have no bfloat16; theirs is float16.
/// </remarks>
public static class GpuPeaks
{
    /// <summary>TFLOPS by name, slowest first.</summary>
    public static IReadOnlyDictionary<string, double> Teraflops { get; } = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase)
    {
        ["2080Ti"] = 53.8,
        ["T4"] = 65,
        ["3090"] = 71,
        ["A4000"] = 76.7,
        ["L4"] = 121,
        ["V100"] = 125,
        ["A6000"] = 154.8,
        ["4090"] = 165.2,
        ["5090"] = 209.5,
        ["A100"] = 312,
        ["L40S"] = 362,
        ["H100-PCIe"] = 756,
        ["H100"] = 989.4,
        ["H200"] = 989.4,
        ["B200"] = 2250,
    };
}
