using System.Runtime.InteropServices;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Signals that .NET does not send by itself.</summary>
internal static partial class Signals
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    public static void Send(int processId, int signal) => Assert.True(SendTo(processId, signal) == 0, $"Signal {signal} cannot be sent to process {processId}.");

    /// <summary>For a process that may just have ended by itself.</summary>
    public static void SendIfAlive(int processId, int signal) => _ = SendTo(processId, signal);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendTo(int processId, int signal);
}
