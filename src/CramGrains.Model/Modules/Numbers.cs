using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>Arithmetic of tensors with numbers, safe for runs of days: used wherever an optimizer step or a forward pass needs it.</summary>
/// <remarks>TorchSharp 0.107 turns each number, and the factor 1 of each sum, into a native object whose finalizer may free it while libtorch still reads it: seen once, in tests that shared two cores,
/// as "Expected false to be true" from <c>Scalar.h</c>. Here every such object is held until the call has returned.</remarks>
internal static class Numbers
{
    /// <summary>0, never collected.</summary>
    public static readonly Scalar Zero = 0;

    private static readonly Scalar One = 1;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.add(number, One);
    }

    /// <summary>a b.</summary>
    public static Tensor Times(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.mul(number);
    }

    /// <summary>a². TorchSharp's square() is a power, whose exponent is such a number.</summary>
    public static Tensor Squared(this Tensor a) => a.mul(a);

    /// <summary>The smaller of each element and <paramref name="most"/>.</summary>
    public static Tensor AtMost(this Tensor a, double most)
    {
        using Scalar number = most;
        return a.clamp_max(number);
    }

    /// <summary>Every element becomes <paramref name="value"/>.</summary>
    public static Tensor FillInPlace(this Tensor a, double value)
    {
        using Scalar number = value;
        return a.fill_(number);
    }

    /// <summary>a becomes a b.</summary>
    public static Tensor MultiplyInPlace(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.mul_(number);
    }

    /// <summary>a becomes a + factor b.</summary>
    public static Tensor AddInPlace(this Tensor a, Tensor b, double factor)
    {
        using Scalar number = factor;
        return a.add_(b, number);
    }
}
