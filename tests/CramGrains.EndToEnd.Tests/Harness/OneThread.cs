using System.Runtime.CompilerServices;

namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>Several workers share the machine's cores here, and libtorch's threads spin while they wait for each other: one for each operation is faster for all.</summary>
internal static class OneThread
{
    /// <summary>Processes that are started inherit it.</summary>
    [ModuleInitializer]
    internal static void Ask() => Environment.SetEnvironmentVariable("OMP_NUM_THREADS", "1");
}
