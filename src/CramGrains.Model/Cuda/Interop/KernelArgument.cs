using System.Runtime.InteropServices;
using TorchSharp;

namespace CramGrains.Model.Cuda.Interop;

/// <summary>A launch grid in blocks.</summary>
internal readonly record struct Grid(int X, int Y = 1, int Z = 1)
{
    public static implicit operator Grid(int x) => new(x);

    /// <summary>Enough blocks of <paramref name="each"/> to cover <paramref name="count"/>.</summary>
    public static Grid Cover(long count, int each) => new(checked((int)((count + each - 1) / each)));
}

/// <summary>One kernel argument in an 8-byte slot; the driver reads as many of its low bytes as the parameter has.</summary>
internal readonly struct KernelArgument
{
    private readonly long _bits;

    private KernelArgument(long bits) => _bits = bits;

    public static implicit operator KernelArgument(torch.Tensor? tensor) => new(tensor is null ? 0 : TensorPointer.Of(tensor));

    public static implicit operator KernelArgument(nint pointer) => new(pointer);

    public static implicit operator KernelArgument(int value) => new(value);

    public static implicit operator KernelArgument(long value) => new(value);

    public static implicit operator KernelArgument(float value) => new(BitConverter.SingleToUInt32Bits(value));
}

/// <summary>Device addresses of tensors.</summary>
internal static partial class TensorPointer
{
    /// <summary>Address of the first element, storage offset included. The caller keeps the tensor alive until the work that uses it is enqueued.</summary>
    public static nint Of(torch.Tensor tensor)
    {
        nint address = THSTensor_data(tensor.Handle);
        GC.KeepAlive(tensor);
        return address;
    }

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_data(nint handle);
}
