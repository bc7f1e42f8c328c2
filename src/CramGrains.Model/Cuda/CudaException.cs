namespace CramGrains.Model.Cuda;

/// <summary>A call of the CUDA driver, of NVRTC or of cuBLASLt failed. The context may be unusable from here on; end the process.</summary>
public sealed class CudaException : Exception
{
    /// <summary>Creates the exception.</summary>
    public CudaException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    public CudaException() : this("A CUDA call failed.")
    {
    }

    /// <summary>Creates the exception.</summary>
    public CudaException(string message, Exception inner) : base(message, inner)
    {
    }
}
