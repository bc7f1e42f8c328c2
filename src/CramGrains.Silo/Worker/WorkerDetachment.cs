using System.Runtime.InteropServices;

namespace CramGrains.Silo.Worker;

/// <summary>Cuts a worker loose from the silo that started it, so that it lives on when the silo is killed or its terminal closes.</summary>
internal static partial class WorkerDetachment
{
    private const int OpenWriteCreateAppend = 0x441; // O_WRONLY | O_CREAT | O_APPEND on Linux
    private const int StandardOutput = 1;
    private const int StandardError = 2;

    /// <summary>Starts a session of its own and sends standard output and error, native ones included, to a file.</summary>
    /// <remarks>Where the calls do not exist (Windows) the process simply goes on as it is.</remarks>
    public static void Detach(string logFile)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        _ = SetSession(); // Fails only for a session leader, which is detached already.
        var file = Open(logFile, OpenWriteCreateAppend, 0x1A4 /* 0644 */);
        if (file >= 0)
        {
            _ = Duplicate(file, StandardOutput);
            _ = Duplicate(file, StandardError);
        }
    }

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Duplicate(int from, int to);
}
