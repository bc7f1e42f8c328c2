using System.Runtime.InteropServices;
using System.Text;

namespace CramGrains.Model.Cuda.Interop;

/// <summary>NVIDIA's run-time compiler.</summary>
internal sealed unsafe class Nvrtc
{
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> _create;
    private readonly delegate* unmanaged<nint, int, byte**, int> _compile;
    private readonly delegate* unmanaged<nint, nint*, int> _logSize;
    private readonly delegate* unmanaged<nint, byte*, int> _log;
    private readonly delegate* unmanaged<nint, nint*, int> _cubinSize;
    private readonly delegate* unmanaged<nint, byte*, int> _cubin;
    private readonly delegate* unmanaged<nint, nint*, int> _ptxSize;
    private readonly delegate* unmanaged<nint, byte*, int> _ptx;
    private readonly delegate* unmanaged<nint*, int> _destroy;

    private Nvrtc(nint library)
    {
        nint Export(string name) => NativeLibrary.GetExport(library, name);
        _create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Export("nvrtcCreateProgram");
        _compile = (delegate* unmanaged<nint, int, byte**, int>)Export("nvrtcCompileProgram");
        _logSize = (delegate* unmanaged<nint, nint*, int>)Export("nvrtcGetProgramLogSize");
        _log = (delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetProgramLog");
        _cubinSize = (delegate* unmanaged<nint, nint*, int>)Export("nvrtcGetCUBINSize");
        _cubin = (delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetCUBIN");
        _ptxSize = (delegate* unmanaged<nint, nint*, int>)Export("nvrtcGetPTXSize");
        _ptx = (delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetPTX");
        _destroy = (delegate* unmanaged<nint*, int>)Export("nvrtcDestroyProgram");
        int major, minor, count;
        ((delegate* unmanaged<int*, int*, int>)Export("nvrtcVersion"))(&major, &minor);
        Version = $"{major}.{minor}";
        ((delegate* unmanaged<int*, int>)Export("nvrtcGetNumSupportedArchs"))(&count);
        Architectures = new int[count];
        fixed (int* p = Architectures)
        {
            ((delegate* unmanaged<int*, int>)Export("nvrtcGetSupportedArchs"))(p);
        }
    }

    public string Version { get; }

    /// <summary>Architectures it compiles for, such as 90.</summary>
    public int[] Architectures { get; }

    public static Nvrtc? TryLoad(out string? whyNot)
    {
        nint library = NativeLibraries.LoadToolkit("nvrtc");
        if (library == 0)
        {
            whyNot = "NVRTC, the run-time compiler of the CUDA toolkit, was not found beside libtorch or on the library path";
            return null;
        }

        try
        {
            whyNot = null;
            return new Nvrtc(library);
        }
        catch (EntryPointNotFoundException e)
        {
            whyNot = $"NVRTC is older than 11.2: {e.Message}";
            return null;
        }
    }

    /// <summary>Compiles to machine code, or to PTX for a virtual architecture (<c>compute_90</c>), which the driver finishes.</summary>
    /// <exception cref="CudaException">With the compiler's log.</exception>
    public byte[] Compile(string name, string source, IReadOnlyDictionary<string, string> headers, IReadOnlyList<string> options, bool ptx)
    {
        using var texts = new NativeTexts();
        nint program;
        byte** includes = texts.Array(headers.Keys), bodies = texts.Array(headers.Values), arguments = texts.Array(options);
        Check(_create(&program, texts.Text(source), texts.Text(name), headers.Count, bodies, includes), name, 0);
        try
        {
            Check(_compile(program, options.Count, arguments), name, program);
            nint size;
            Check(ptx ? _ptxSize(program, &size) : _cubinSize(program, &size), name, program);
            byte[] image = new byte[size];
            fixed (byte* p = image)
            {
                Check(ptx ? _ptx(program, p) : _cubin(program, p), name, program);
            }

            return image;
        }
        finally
        {
            _destroy(&program);
        }
    }

    private void Check(int result, string name, nint program)
    {
        if (result == 0)
        {
            return;
        }

        string log = "";
        nint size;
        if (program != 0 && _logSize(program, &size) == 0)
        {
            byte[] bytes = new byte[size];
            fixed (byte* p = bytes)
            {
                _log(program, p);
            }

            log = Encoding.UTF8.GetString(bytes).TrimEnd('\0', '\n');
        }

        throw new CudaException($"NVRTC {Version} could not compile {name} (error {result}). {log}");
    }

    private sealed class NativeTexts : IDisposable
    {
        private readonly List<nint> _owned = [];

        public byte* Text(string text)
        {
            nint p = Marshal.StringToCoTaskMemUTF8(text);
            _owned.Add(p);
            return (byte*)p;
        }

        public byte** Array(IEnumerable<string> texts)
        {
            nint[] pointers = [.. texts.Select(t => (nint)Text(t))];
            nint array = Marshal.AllocCoTaskMem(Math.Max(1, pointers.Length) * sizeof(nint));
            _owned.Add(array);
            Marshal.Copy(pointers, 0, array, pointers.Length);
            return (byte**)array;
        }

        public void Dispose() => _owned.ForEach(Marshal.FreeCoTaskMem);
    }
}
