using CramGrains.Model.Cuda;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram bench --products</c>: what FP8 could win, product by product.</summary>
internal static class BenchProducts
{
    public static int Measure(BenchCommand.Bench bench, int[] sizes)
    {
        try
        {
            foreach (int tokens in sizes)
            {
                foreach (ProductMeasurement m in ProductBenchmark.Run(bench.Recipe.Architecture, tokens, bench.Device))
                {
                    Console.Out.WriteLine(bench.Json
                        ? BenchCommand.Bench.Line(new { Mode = "products", m.Product, m.Tokens, m.Bfloat16Ms, m.Float8Ms, m.Gigaflop })
                        : $"{m.Product,-24} {m.Tokens,6} tokens  bfloat16 {m.Bfloat16Ms:F3} ms {m.Gigaflop / m.Bfloat16Ms,6:F0} TFLOP/s   FP8 {m.Float8Ms:F3} ms {m.Gigaflop / m.Float8Ms,6:F0} TFLOP/s");
                }
            }

            return 0;
        }
        catch (Exception error) when (error is NotSupportedException or CudaException)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }
}
