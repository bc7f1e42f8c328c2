using System.Runtime.CompilerServices;

namespace CramGrains.Model.Tests;

/// <summary>Tests run on the libtorch that <c>CRAM_LIBTORCH</c> names, as the programs do: that is how GPU tests find a CUDA build.</summary>
internal static class ChosenTorch
{
    [ModuleInitializer]
    internal static void Load()
    {
        if (Environment.GetEnvironmentVariable("CRAM_LIBTORCH") is { Length: > 0 } folder)
        {
            TorchRuntime.Load(folder);
        }
    }
}
