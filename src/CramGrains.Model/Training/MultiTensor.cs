using CramGrains.Model.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>libtorch's operations on lists of tensors, which TorchSharp does not bind: one call instead of one per parameter.</summary>
/// <remarks>Reached through TorchScript, each function a single operation, so that its executor has nothing to fuse or to specialise.</remarks>
internal static class MultiTensor
{
    // TorchSharp ends the process on a script that does not compile, so this text is fixed and every function is tested.
    private const string Source = """
        def norms(x: List[Tensor]):
            return torch._foreach_norm(x, 2)

        def norm(x: Tensor):
            return torch.linalg_vector_norm(x, 2)

        def matrix_norms(x: Tensor):
            return torch.linalg_vector_norm(x, 2, [1, 2], True)

        def scale(x: List[Tensor], factor: Tensor):
            torch._foreach_mul_(x, factor)
            return 0

        def zero(x: List[Tensor]):
            torch._foreach_zero_(x)
            return 0

        def adamw(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, decay: float, eps: float):
            torch._fused_adamw_(p, g, m, v, [], steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False)
            return 0

        """; // the empty line before this is the last newline that the script's parser asks for

    private static readonly Lazy<jit.CompilationUnit> Unit = new(() => jit.compile(Source));

    /// <summary>The Euclidean norm over all tensors together, a float32 scalar on their device.</summary>
    public static Tensor GlobalNorm(Tensor[] tensors)
    {
        using var scope = NewDisposeScope();
        var norms = (Tensor[])Unit.Value.invoke("norms", (object)tensors);
        return ((Tensor)Unit.Value.invoke("norm", stack(norms))).MoveToOuterDisposeScope(); // not TorchSharp's, whose 2 is a number (see Numbers)
    }

    /// <summary>The Frobenius norm of each matrix, <c>[N, 1, 1]</c>.</summary>
    /// <param name="matrices"><c>[N, R, C] float32</c>.</param>
    public static Tensor MatrixNorms(Tensor matrices) => (Tensor)Unit.Value.invoke("matrix_norms", matrices);

    /// <summary>Scales all tensors so that their global norm is at most <paramref name="maximum"/>, as PyTorch's clip_grad_norm_ does.</summary>
    /// <param name="tensors">Scaled in place.</param>
    /// <param name="norm">Their global norm.</param>
    /// <param name="maximum">The bound.</param>
    public static void Clip(Tensor[] tensors, Tensor norm, double maximum)
    {
        using var scope = NewDisposeScope();
        Unit.Value.invoke("scale", tensors, norm.Plus(1e-6).reciprocal().MultiplyInPlace(maximum).AtMost(1));
    }

    /// <summary>Multiplies all tensors by a number.</summary>
    public static void Scale(Tensor[] tensors, double factor)
    {
        using var scope = NewDisposeScope();
        Unit.Value.invoke("scale", tensors, tensor((float)factor, device: tensors[0].device));
    }

    /// <summary>Sets all tensors to zero.</summary>
    public static void Zero(Tensor[] tensors) => Unit.Value.invoke("zero", (object)tensors);

    /// <summary>One AdamW step (Loshchilov and Hutter 2019) over lists of parameters, gradients and moments.</summary>
    /// <param name="parameters">Updated in place.</param>
    /// <param name="gradients">Read.</param>
    /// <param name="first">First moments, updated in place.</param>
    /// <param name="second">Second moments, updated in place.</param>
    /// <param name="steps">The number of this step as a float32 scalar, once per parameter.</param>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="beta1">First-moment decay.</param>
    /// <param name="beta2">Second-moment decay.</param>
    /// <param name="decay">Decoupled weight decay.</param>
    /// <param name="epsilon">Denominator epsilon.</param>
    public static void AdamW(
        Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, Tensor[] steps,
        double learningRate, double beta1, double beta2, double decay, double epsilon)
    {
        // Numbers of our own, held until the step is done: one that was collected meanwhile ended the run, or would be read as another (see Numbers).
        using Scalar rate = learningRate, keepFirst = beta1, keepSecond = beta2, shrink = decay, tiny = epsilon;
        Unit.Value.invoke("adamw", parameters, gradients, first, second, steps, rate, keepFirst, keepSecond, shrink, tiny);
    }
}
