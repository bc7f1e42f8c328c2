using System.Runtime.InteropServices;

namespace CramGrains.Model.Cuda.Interop;

/// <summary>The part of cuBLASLt that the fast engine uses.</summary>
internal sealed unsafe class CublasLt
{
    public const int Bfloat16 = 14, Float16 = 2, Float32 = 0, Float8E4M3 = 28, Float8E5M2 = 29;
    private const int Compute32 = 68, AttributeTransA = 3, AttributeTransB = 4, AttributeScaleA = 17, AttributeScaleB = 18, AttributeFastAccumulation = 25, PreferenceWorkspace = 1;

    private readonly delegate* unmanaged<nint, nint, void*, nint, nint, nint, nint, void*, nint, nint, nint, nint, void*, nint, nint, nint, int> _matmul;
    private readonly delegate* unmanaged<nint*, int, int, int> _descriptorCreate;
    private readonly delegate* unmanaged<nint, int, void*, nint, int> _descriptorSet;
    private readonly delegate* unmanaged<nint*, int, ulong, ulong, long, int> _layoutCreate;
    private readonly delegate* unmanaged<nint, int> _descriptorDestroy, _layoutDestroy;
    private readonly delegate* unmanaged<nint*, int> _preferenceCreate;
    private readonly delegate* unmanaged<nint, int, void*, nint, int> _preferenceSet;
    private readonly delegate* unmanaged<nint, int> _preferenceDestroy;
    private readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, Heuristic*, int*, int> _heuristic;
    private readonly nint _handle;

    private CublasLt(nint library)
    {
        nint Export(string name) => NativeLibrary.GetExport(library, name);
        _matmul = (delegate* unmanaged<nint, nint, void*, nint, nint, nint, nint, void*, nint, nint, nint, nint, void*, nint, nint, nint, int>)Export("cublasLtMatmul");
        _descriptorCreate = (delegate* unmanaged<nint*, int, int, int>)Export("cublasLtMatmulDescCreate");
        _descriptorSet = (delegate* unmanaged<nint, int, void*, nint, int>)Export("cublasLtMatmulDescSetAttribute");
        _layoutCreate = (delegate* unmanaged<nint*, int, ulong, ulong, long, int>)Export("cublasLtMatrixLayoutCreate");
        _descriptorDestroy = (delegate* unmanaged<nint, int>)Export("cublasLtMatmulDescDestroy");
        _layoutDestroy = (delegate* unmanaged<nint, int>)Export("cublasLtMatrixLayoutDestroy");
        _preferenceCreate = (delegate* unmanaged<nint*, int>)Export("cublasLtMatmulPreferenceCreate");
        _preferenceSet = (delegate* unmanaged<nint, int, void*, nint, int>)Export("cublasLtMatmulPreferenceSetAttribute");
        _preferenceDestroy = (delegate* unmanaged<nint, int>)Export("cublasLtMatmulPreferenceDestroy");
        _heuristic = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, Heuristic*, int*, int>)Export("cublasLtMatmulAlgoGetHeuristic");
        nint handle;
        Check(((delegate* unmanaged<nint*, int>)Export("cublasLtCreate"))(&handle), "cublasLtCreate");
        _handle = handle;
        Version = (long)((delegate* unmanaged<nint>)Export("cublasLtGetVersion"))();
    }

    public long Version { get; }

    /// <summary>Loads the library; the device's context must be current.</summary>
    public static CublasLt? TryLoad(out string? whyNot)
    {
        nint library = NativeLibraries.LoadToolkit("cublasLt");
        if (library == 0)
        {
            whyNot = "cuBLASLt was not found beside libtorch or on the library path";
            return null;
        }

        whyNot = null;
        return new CublasLt(library);
    }

    /// <summary>Describes a product of column-major matrices, until <see cref="Release"/>.</summary>
    public Problem Describe(GemmShape s)
    {
        nint descriptor;
        Check(_descriptorCreate(&descriptor, Compute32, Float32), "cublasLtMatmulDescCreate");
        int transA = s.TransposeA ? 1 : 0, transB = s.TransposeB ? 1 : 0;
        Check(_descriptorSet(descriptor, AttributeTransA, &transA, sizeof(int)), "setting transa");
        Check(_descriptorSet(descriptor, AttributeTransB, &transB, sizeof(int)), "setting transb");
        if (s.TypeA is Float8E4M3 or Float8E5M2)
        {
            sbyte fast = s.FastAccumulation ? (sbyte)1 : (sbyte)0;
            Check(_descriptorSet(descriptor, AttributeFastAccumulation, &fast, sizeof(sbyte)), "setting fast accumulation");
        }

        return new Problem(
            descriptor,
            s.TransposeA ? Layout(s.TypeA, s.K, s.M) : Layout(s.TypeA, s.M, s.K),
            s.TransposeB ? Layout(s.TypeB, s.N, s.K) : Layout(s.TypeB, s.K, s.N),
            Layout(s.TypeC, s.M, s.N));
    }

    /// <summary>Frees a description; products that are under way do not read it any more.</summary>
    public void Release(Problem problem)
    {
        _descriptorDestroy(problem.Descriptor);
        _layoutDestroy(problem.A);
        _layoutDestroy(problem.B);
        _layoutDestroy(problem.C);
    }

    /// <summary>Device addresses of the two float32 scales of an FP8 product.</summary>
    public void SetScales(Problem problem, nint scaleA, nint scaleB)
    {
        Check(_descriptorSet(problem.Descriptor, AttributeScaleA, &scaleA, sizeof(nint)), "setting the scale of A");
        Check(_descriptorSet(problem.Descriptor, AttributeScaleB, &scaleB, sizeof(nint)), "setting the scale of B");
    }

    /// <summary>The library's algorithms for the problem, best guess first.</summary>
    public Algorithm[] Algorithms(Problem problem, int most, long workspace)
    {
        nint preference;
        Check(_preferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
        nint bytes = (nint)workspace;
        Check(_preferenceSet(preference, PreferenceWorkspace, &bytes, sizeof(nint)), "setting the workspace size");
        var results = new Heuristic[most];
        int found;
        fixed (Heuristic* p = results)
        {
            Check(_heuristic(_handle, problem.Descriptor, problem.A, problem.B, problem.C, problem.C, preference, most, p, &found), "cublasLtMatmulAlgoGetHeuristic");
        }

        _preferenceDestroy(preference);
        return [.. results.Take(found).Where(r => r.State == 0).Select(r => r.Algorithm)];
    }

    /// <summary>D = A B + beta C on the stream; false when the algorithm refuses the problem.</summary>
    public bool TryMatmul(Problem problem, nint a, nint b, float beta, nint c, nint d, in Algorithm algorithm, nint workspace, long workspaceBytes, nint stream)
    {
        float one = 1f;
        fixed (Algorithm* p = &algorithm)
        {
            return _matmul(_handle, problem.Descriptor, &one, a, problem.A, b, problem.B, &beta, c, problem.C, d, problem.C, p, workspace, (nint)workspaceBytes, stream) == 0;
        }
    }

    private nint Layout(int type, long rows, long columns)
    {
        nint layout;
        Check(_layoutCreate(&layout, type, (ulong)rows, (ulong)columns, rows), "cublasLtMatrixLayoutCreate");
        return layout;
    }

    private static void Check(int status, string what)
    {
        if (status != 0)
        {
            throw new CudaException($"cuBLASLt: {what} failed with status {status}.");
        }
    }

    /// <summary>An opaque cublasLtMatmulAlgo_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Algorithm
    {
        public fixed ulong Data[8];
    }

    internal readonly record struct Problem(nint Descriptor, nint A, nint B, nint C);

    [StructLayout(LayoutKind.Sequential)]
    private struct Heuristic
    {
        public Algorithm Algorithm;
        public nint Workspace;
        public int State;
        public float Waves;
        public fixed int Reserved[4];
    }
}

/// <summary>One product of column-major matrices: op(A) is M x K, op(B) is K x N. C and D share layout and type.</summary>
internal readonly record struct GemmShape(
    bool TransposeA, bool TransposeB, long M, long N, long K, int TypeA, int TypeB, int TypeC, bool Accumulates, bool FastAccumulation = false);
