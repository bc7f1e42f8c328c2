namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Placeholder for file order.</summary>
internal static class FaultMatrix
{
    public static void SkipUnlessWanted() => Assert.SkipUnless(
        Environment.GetEnvironmentVariable("CRAM_FAULT_MATRIX") == "1", "takes minutes; tests/fault-matrix.sh (CRAM_FAULT_MATRIX=1) runs it");
}

[Trait("Category", "EndToEnd"), Trait("Category", "Cluster"), Trait("Category", "Fault"), Trait("Category", "Slow")]
public sealed class FaultMatrixTests
{
}
