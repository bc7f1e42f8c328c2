using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>The sum of two tensors without TorchSharp 0.107's operator, which makes a native 1 for each sum and lets the finalizer free it while libtorch still reads it: seen
/// once, in tests that shared two cores, as "Expected false to be true" from <c>Scalar.h</c>.</summary>
internal static class Sums
{
    private static readonly Scalar One = 1; // never collected

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);
}
