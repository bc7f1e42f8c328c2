using System.Globalization;
using CramGrains.Model.Cuda.Interop;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>Matrix products through cuBLASLt. The first time a shape is met its candidate algorithms are timed, and the choice is kept on disk:
/// the same choice in every later process keeps losses bitwise the same.</summary>
internal sealed unsafe class GemmRunner : IDisposable
{
    private const long WorkspaceBytes = 64L << 20;
    private const int Candidates = 12, Repeats = 4;

    private readonly CudaDevice _device;
    private readonly Device _torchDevice;
    private readonly Tensor _workspace;
    private readonly Dictionary<GemmShape, Plan> _plans = [];
    private readonly string? _path;
    private readonly Dictionary<string, CublasLt.Algorithm> _kept = [];

    public GemmRunner(CudaDevice device, Device torchDevice, string? cacheFolder)
    {
        (_device, _torchDevice) = (device, torchDevice);
        _workspace = empty(WorkspaceBytes, ScalarType.Byte, torchDevice).DetachFromDisposeScope();
        if (cacheFolder is null)
        {
            return;
        }

        string gpu = string.Concat(device.Name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        _path = Path.Combine(cacheFolder, $"products-{gpu}-{device.Products.Version}.txt");
        if (File.Exists(_path))
        {
            foreach (string[] parts in File.ReadLines(_path).Select(l => l.Split(' ')).Where(p => p.Length == 2 && p[1].Length == 128 && p[1].All(char.IsAsciiHexDigit)))
            {
                _kept[parts[0]] = FromHex(parts[1]);
            }
        }
    }

    public static long Bytes => WorkspaceBytes;

    /// <summary>d = op(a) op(b) + beta c, all column-major and packed.</summary>
    public void Multiply(GemmShape shape, nint a, nint b, float beta, nint c, nint d)
    {
        Plan plan = Prepare(shape);
        if (!_device.Products.TryMatmul(plan.Problem, a, b, beta, c, d, plan.Algorithm, TensorPointer.Of(_workspace), WorkspaceBytes, _device.Stream))
        {
            throw new CudaException($"cuBLASLt refused a product that it had accepted: {shape}.");
        }
    }

    public void MultiplyScaled(GemmShape shape, nint a, nint scaleA, nint b, nint scaleB, nint c, float beta, nint d)
    {
        Plan plan = Prepare(shape);
        _device.Products.SetScales(plan.Problem, scaleA, scaleB);
        Multiply(shape, a, b, beta, c, d);
    }

    /// <summary>Chooses the algorithm now, so that no step is slowed by it.</summary>
    public Plan Prepare(GemmShape shape)
    {
        if (_plans.TryGetValue(shape, out Plan? plan))
        {
            return plan;
        }

        CublasLt.Problem problem = _device.Products.Describe(shape);
        string key = Key(shape);
        if (!_kept.TryGetValue(key, out CublasLt.Algorithm algorithm))
        {
            CublasLt.Algorithm[] candidates = _device.Products.Algorithms(problem, _path is null ? 1 : Candidates, WorkspaceBytes);
            if (candidates.Length == 0)
            {
                throw new CudaException($"cuBLASLt has no algorithm for {shape}.");
            }

            algorithm = candidates.Length == 1 ? candidates[0] : candidates[Fastest(problem, shape, candidates).Index];
            Keep(key, algorithm);
        }

        plan = new Plan(problem, algorithm);
        _plans.Add(shape, plan);
        return plan;
    }

    /// <summary>Milliseconds of the fastest candidate on random operands.</summary>
    public double Measure(GemmShape shape)
    {
        CublasLt.Problem problem = _device.Products.Describe(shape);
        CublasLt.Algorithm[] candidates = _device.Products.Algorithms(problem, Candidates, WorkspaceBytes);
        double least = candidates.Length == 0 ? double.PositiveInfinity : Fastest(problem, shape, candidates).Milliseconds;
        _device.Products.Release(problem);
        return least;
    }

    public void Dispose()
    {
        foreach (Plan plan in _plans.Values)
        {
            _device.Products.Release(plan.Problem);
        }

        _plans.Clear();
        _workspace.Dispose();
    }

    private (int Index, double Milliseconds) Fastest(CublasLt.Problem problem, GemmShape s, CublasLt.Algorithm[] candidates)
    {
        using var scope = NewDisposeScope();
        // Random operands: products of zeros run faster than real ones.
        Tensor a = Operand(s.M * s.K, s.TypeA), b = Operand(s.K * s.N, s.TypeB), c = Operand(s.M * s.N, s.TypeC);
        using Tensor unit = ones(1, float32, _torchDevice);
        if (s.TypeA is CublasLt.Float8E4M3 or CublasLt.Float8E5M2)
        {
            _device.Products.SetScales(problem, TensorPointer.Of(unit), TensorPointer.Of(unit));
        }

        nint start = _device.Driver.CreateEvent(timing: true), stop = _device.Driver.CreateEvent(timing: true);
        int best = 0;
        float least = float.MaxValue;
        for (int i = 0; i < candidates.Length; i++)
        {
            bool Run() => _device.Products.TryMatmul(
                problem, TensorPointer.Of(a), TensorPointer.Of(b), s.Accumulates ? 1 : 0, TensorPointer.Of(c), TensorPointer.Of(c), candidates[i], TensorPointer.Of(_workspace), WorkspaceBytes, 0);
            if (!Run())
            {
                continue;
            }

            float ms = float.MaxValue;
            for (int round = 0; round < 2; round++)
            {
                _device.Driver.Record(start, 0);
                for (int r = 0; r < Repeats; r++)
                {
                    Run();
                }

                _device.Driver.Record(stop, 0);
                _device.Driver.Wait(stop);
                ms = Math.Min(ms, _device.Driver.Milliseconds(start, stop));
            }

            // A later candidate must win clearly, so that noise does not pick between equals.
            if (ms < 0.99f * least)
            {
                (best, least) = (i, ms);
            }
        }

        _device.Driver.DestroyEvent(start);
        _device.Driver.DestroyEvent(stop);
        return (best, least / Repeats);
    }

    private Tensor Operand(long count, int type) => type switch
    {
        CublasLt.Float32 => randn(count, float32, _torchDevice),
        CublasLt.Bfloat16 => randn(count, bfloat16, _torchDevice),
        CublasLt.Float16 => randn(count, float16, _torchDevice),
        // Bytes below 0x78 are finite in both FP8 formats.
        _ => randint(0, 0x70, [count], ScalarType.Byte, _torchDevice),
    };

    private void Keep(string key, CublasLt.Algorithm algorithm)
    {
        if (_path is null)
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            File.AppendAllText(_path, $"{key} {ToHex(algorithm)}\n");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // A full disk costs the timing of this product at the next start, and no run.
        }
    }

    private static string Key(GemmShape s) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(s.TransposeA ? 't' : 'n')}{(s.TransposeB ? 't' : 'n')}-{s.M}x{s.N}x{s.K}-{s.TypeA}.{s.TypeB}.{s.TypeC}{(s.Accumulates ? "-sum" : "")}{(s.FastAccumulation ? "-fast" : "")}");

    private static string ToHex(CublasLt.Algorithm algorithm) => Convert.ToHexStringLower(new ReadOnlySpan<byte>(&algorithm, sizeof(CublasLt.Algorithm)));

    private static CublasLt.Algorithm FromHex(string hex)
    {
        CublasLt.Algorithm algorithm;
        Convert.FromHexString(hex).CopyTo(new Span<byte>(&algorithm, sizeof(CublasLt.Algorithm)));
        return algorithm;
    }

    internal sealed record Plan(CublasLt.Problem Problem, CublasLt.Algorithm Algorithm);
}
