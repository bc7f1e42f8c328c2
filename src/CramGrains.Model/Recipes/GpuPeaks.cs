namespace CramGrains.Model.Recipes;

/// <summary>Peak speeds of GPUs by their vendors' data sheets: dense matrix products of bfloat16 or float16 with float32 accumulation.</summary>
/// <remarks>
/// The paper's exaFLOP count is this peak times the budget, so sparse or float16-accumulating figures, which data sheets print larger, would not
/// compare. The 2080 Ti and V100 have no bfloat16; theirs is float16.
/// </remarks>
public static class GpuPeaks
{
    private static readonly string[] Variants = ["Ti", "SUPER", "D", "Laptop", "Mobile", "Max", "NVL", "Ada"];

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

    /// <summary>The peak of a GPU by the name that its driver gives, such as <c>NVIDIA H100 80GB HBM3</c>; null for one that is not listed.</summary>
    /// <remarks>Variants that share a name's number and not its speed (Ti, SUPER, laptops, NVL) are not listed, so null; an H100 on a PCIe card is.</remarks>
    public static double? OfProduct(string? product)
    {
        string[] words = (product ?? "").Replace("2080 Ti", "2080Ti", StringComparison.OrdinalIgnoreCase).Split([' ', '-', '_'], StringSplitOptions.RemoveEmptyEntries);
        string? name = Teraflops.Keys.FirstOrDefault(known => words.Contains(known, StringComparer.OrdinalIgnoreCase));
        if (words.Any(word => Variants.Contains(word, StringComparer.OrdinalIgnoreCase)))
        {
            return null;
        }

        bool card = name == "H100" && words.Contains("PCIe", StringComparer.OrdinalIgnoreCase);
        return name is null ? null : Teraflops[card ? "H100-PCIe" : name];
    }
}
