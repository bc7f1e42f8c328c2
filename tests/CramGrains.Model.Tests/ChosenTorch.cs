using System.Runtime.CompilerServices;
using TorchSharp;

namespace CramGrains.Model.Tests;

/// <summary>The libtorch of all tests: the one that <c>CRAM_LIBTORCH</c> names, as for the programs, which is how GPU tests find a CUDA build; and one thread for an
/// operation, since test classes run side by side and libtorch's threads spin while they wait for each other.</summary>
internal static class ChosenTorch
{
    [ModuleInitializer]
    internal static void Load()
    {
        if (Environment.GetEnvironmentVariable("CRAM_LIBTORCH") is { Length: > 0 } folder)
        {
            TorchRuntime.Load(folder);
        }

        torch.set_num_threads(1);
    }
}
