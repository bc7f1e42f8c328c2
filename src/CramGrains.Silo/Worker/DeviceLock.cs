using System.Text.Json;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Worker;

/// <summary>The right to use a device, which one process at a time has: a file's lock, held by a worker, or by a command without a cluster, for as long as it computes.</summary>
internal sealed class DeviceLock : IDisposable
{
    private const UnixFileMode Everybodys = (UnixFileMode)0b1_111_111_111, Readable = (UnixFileMode)0b110_100_100, Writable = (UnixFileMode)0b110_110_110;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);
    private readonly FileStream? _file;

    private DeviceLock(FileStream? file) => _file = file;

    /// <summary>Waits for the lock and writes who holds it beside it; null when it stays taken. Jobs without a device hold nothing.</summary>
    /// <param name="path">The lock; null for a job without a device.</param>
    /// <param name="holder">Who asks.</param>
    /// <param name="wait">For how long. Who only looks whether it is held (<see cref="IsHeld"/>) has it for a moment, so no wait at all would see devices in use that are not.</param>
    public static async Task<DeviceLock?> AcquireAsync(string? path, DeviceHolder holder, TimeSpan wait)
    {
        if (path is null)
        {
            return new DeviceLock(null);
        }

        MakeFolder(Path.GetDirectoryName(path)!);
        for (var started = TimeProvider.System.GetTimestamp(); ; await Task.Delay(RetryInterval))
        {
            if (FileLock.TryTake(path) is { } file)
            {
                Write(path, holder);
                return new DeviceLock(file);
            }

            if (TimeProvider.System.GetElapsedTime(started) > wait)
            {
                return null;
            }
        }
    }

    /// <summary>Whether some process holds the lock now.</summary>
    public static bool IsHeld(string path)
    {
        using var file = FileLock.TryTake(path);
        return file is null;
    }

    /// <summary>Who has written that it holds the lock; null when nobody has, or the last one was killed while it wrote.</summary>
    public static DeviceHolder? Holder(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<DeviceHolder>(File.ReadAllBytes(path + ".json"), WorkerJson.Options);
        }
        catch (Exception problem) when (problem is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _file?.Dispose();

    private static void Write(string path, DeviceHolder holder)
    {
        Share(path, Readable);
        string name = path + ".json";
        try
        {
            // Over what is there: in a folder of everybody's, systems let nobody but its maker make a file anew.
            using (var file = new FileStream(name, File.Exists(name) ? FileMode.Truncate : FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
            {
                JsonSerializer.Serialize(file, holder, WorkerJson.Options);
            }

            Share(name, Writable);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // The lock counts; this only says whose it is.
        }
    }

    private static void MakeFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            return;
        }

        Directory.CreateDirectory(folder);
        if (folder == HomeFolder.MachineLocks)
        {
            Share(folder, Everybodys);
        }
    }

    /// <summary>Whatever this user's mask: a GPU is everybody's, who may read its lock may take it, and whoever has it writes so.</summary>
    private static void Share(string path, UnixFileMode mode)
    {
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, mode);
            }
        }
        catch (UnauthorizedAccessException)
        {
            // Another user's, who has done so.
        }
    }
}

/// <summary>Who holds a device, for people and for silos.</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="RunId">What it does: the run of a worker, else the command.</param>
/// <param name="LeaseEpoch">The epoch of a worker; 0 of a command.</param>
/// <param name="WorkFolder">The work folder of a worker, which is in its home; empty of a command.</param>
internal sealed record DeviceHolder(int ProcessId, string RunId, long LeaseEpoch, string WorkFolder)
{
    /// <summary>A worker.</summary>
    public static DeviceHolder Of(WorkerAssignment assignment) => new(Environment.ProcessId, assignment.RunId, assignment.LeaseEpoch, assignment.WorkFolder);

    /// <summary>A command without a cluster.</summary>
    public static DeviceHolder OfCommand(string command) => new(Environment.ProcessId, command, 0, "");
}
