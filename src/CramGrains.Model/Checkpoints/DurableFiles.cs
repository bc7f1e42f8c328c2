using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace CramGrains.Model.Checkpoints;

/// <summary>Files and folders whose content is on the disk when a call returns.</summary>
public static partial class DurableFiles
{
    private const int Buffer = 1 << 20;

    /// <summary>Writes a file and flushes it to the disk.</summary>
    /// <returns>Its name, length and checksum, taken from the bytes as they were written.</returns>
    public static CheckpointFile Write(string path, Action<Stream> content)
    {
        using var sha = SHA256.Create();
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, Buffer);
        using (var hashed = new CryptoStream(file, sha, CryptoStreamMode.Write, leaveOpen: true))
        {
            content(hashed);
        }

        file.Flush(flushToDisk: true);
        return new(Path.GetFileName(path), file.Length, Convert.ToHexStringLower(sha.Hash!));
    }

    /// <summary>Checksum of a file.</summary>
    public static string Sha256(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, Buffer, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>Flushes the entries of a folder, so that a rename survives a power cut. Windows has no such call and needs none.</summary>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        int descriptor = Open(path, 0); // O_RDONLY
        if (descriptor < 0)
        {
            throw new IOException($"The folder {path} cannot be opened to flush it.", Marshal.GetLastPInvokeError());
        }

        int result = Flush(descriptor);
        int error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (result != 0)
        {
            throw new IOException($"The folder {path} cannot be flushed.", error);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
