using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Tests.Recipes;

public sealed class GpuPeaksTests
{
    [Theory]
    [InlineData("NVIDIA H100 80GB HBM3", 989.4)]
    [InlineData("NVIDIA H100 PCIe", 756.0)]
    [InlineData("NVIDIA H200", 989.4)]
    [InlineData("NVIDIA A100-SXM4-80GB", 312.0)]
    [InlineData("NVIDIA RTX A6000", 154.8)]
    [InlineData("Tesla V100-SXM2-32GB", 125.0)]
    [InlineData("NVIDIA GeForce RTX 2080 Ti", 53.8)]
    [InlineData("NVIDIA GeForce RTX 4090", 165.2)]
    [InlineData("NVIDIA GeForce RTX 4090 Laptop GPU", null)] // a smaller chip
    [InlineData("NVIDIA GeForce RTX 3090 Ti", null)]
    [InlineData("NVIDIA H100 NVL", null)]
    [InlineData("NVIDIA Unheard-of 1", null)]
    [InlineData(null, null)]
    public void OfProduct_DriversName_IsThePeakOfThatGpuAlone(string? product, double? expected) => Assert.Equal(expected, GpuPeaks.OfProduct(product));

    [Fact]
    public void Of_DayOfAnA6000AtThePapersSpeed_IsItsExaflopAndUtilization()
    {
        var use = ComputeUse.Of(86_400, exaflop: 5.68, GpuPeaks.OfProduct("NVIDIA RTX A6000"));
        Assert.Equal(13.37, use.PeakExaflop!.Value, 0.01);
        Assert.Equal(0.425, use.ModelFlopsUtilization!.Value, 0.001);
    }

    [Fact]
    public void Of_UnknownPeak_LeavesTheUtilizationUnknown() => Assert.Equal(new ComputeUse(10, 1, null, null), ComputeUse.Of(10, 1, null));
}
