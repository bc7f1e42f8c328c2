using static TorchSharp.torch;

namespace CramGrains.Model.Modules;

/// <summary>The fixed tables behind sinusoidal and rotary positions.</summary>
internal static class Positions
{
    private const double Base = 10_000;

    /// <summary>Sine in the even columns and cosine in the odd ones (Vaswani et al. 2017, section 3.5).</summary>
    /// <returns><c>[length, D] float32</c>.</returns>
    public static Tensor Sinusoids(int length, int hiddenSize)
    {
        using var scope = NewDisposeScope();
        var frequency = exp(Count(hiddenSize / 2, step: 2).Times(-Math.Log(Base) / hiddenSize)); // [D / 2]
        var angle = outer(Count(length), frequency); // [S, D / 2]
        return stack([sin(angle), cos(angle)], -1).view(length, hiddenSize).MoveToOuterDisposeScope(); // [S, D]
    }

    /// <summary>Cosine and sine of rotary positions (Su et al. 2021, arXiv:2104.09864), each angle standing in both halves of a head.</summary>
    /// <returns>Two of <c>[length, K] float32</c>.</returns>
    public static (Tensor Cosine, Tensor Sine) Rotary(int length, int headSize)
    {
        using var scope = NewDisposeScope();
        var frequency = tensor((float)Base).pow(Count(headSize / 2).Times(-2.0 / headSize)); // [K / 2]
        var half = outer(Count(length), frequency); // [S, K / 2]
        var angle = cat([half, half], -1); // [S, K]
        return (cos(angle).MoveToOuterDisposeScope(), sin(angle).MoveToOuterDisposeScope());
    }

    /// <summary>0, step, 2 step and so on, <c>[count] float32</c>; not by arange, whose bounds are numbers that nothing holds (see <see cref="Numbers"/>).</summary>
    private static Tensor Count(int count, int step = 1) => tensor(Enumerable.Range(0, count).Select(i => (float)(i * step)).ToArray());

    /// <summary>Turns each pair (i, i + K/2) of a head by its position's angle. Differs: the reference's default class returns its input unturned.</summary>
    /// <param name="heads"><c>[B, H, S, K]</c>.</param>
    /// <param name="cosine"><c>[S, K]</c>.</param>
    /// <param name="sine"><c>[S, K]</c>.</param>
    public static Tensor Rotate(Tensor heads, Tensor cosine, Tensor sine)
    {
        var halves = heads.chunk(2, -1);
        return (heads * cosine.to(heads.dtype)).Plus(cat([-halves[1], halves[0]], -1) * sine.to(heads.dtype));
    }
}
