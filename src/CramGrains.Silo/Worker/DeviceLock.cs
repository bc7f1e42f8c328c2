using System.Text.Json;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Worker;

/// <summary>The right to use a device, which one process at a time has: a file's lock, held for the worker's whole life.</summary>
internal sealed class DeviceLock : IDisposable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);
    private readonly FileStream? _file;

    private DeviceLock(FileStream? file) => _file = file;

    /// <summary>Waits for the lock and writes who holds it beside it; null when it stays taken. Jobs without a device hold nothing.</summary>
    public static async Task<DeviceLock?> AcquireAsync(WorkerAssignment assignment, TimeSpan wait)
    {
        if (assignment.DeviceLockFile is not { } path)
        {
            return new DeviceLock(null);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (var started = TimeProvider.System.GetTimestamp(); ; await Task.Delay(RetryInterval))
        {
            if (FileLock.TryTake(path) is { } file)
            {
                File.WriteAllBytes(path + ".json", JsonSerializer.SerializeToUtf8Bytes(
                    new DeviceHolder(Environment.ProcessId, assignment.RunId, assignment.LeaseEpoch, assignment.WorkFolder), WorkerJson.Options));
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

    /// <inheritdoc />
    public void Dispose() => _file?.Dispose();
}

/// <summary>Who holds a device, for people and for a restarted silo.</summary>
internal sealed record DeviceHolder(int ProcessId, string RunId, long LeaseEpoch, string WorkFolder);
