namespace CramGrains.Model.Checkpoints;

/// <summary>A checkpoint could not be written; those before it are untouched.</summary>
public sealed class CheckpointWriteException : IOException
{
    // ENOSPC and EDQUOT on Linux and macOS; ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL on Windows.
    private static readonly int[] DiskFullResults = [28, 122, 69, unchecked((int)0x80070027), unchecked((int)0x80070070)];

    /// <summary>Makes the exception from what went wrong while writing to <paramref name="folder"/>.</summary>
    public CheckpointWriteException(string folder, Exception cause) : base(Describe(folder, cause), cause) => DiskFull = IsDiskFull(cause);

    /// <summary>Makes the exception for a disk with too little room for the checkpoint.</summary>
    public CheckpointWriteException(string folder, long neededBytes, long freeBytes) : base(
        $"A checkpoint of {Mebibytes(neededBytes)} does not fit in {folder}: {Mebibytes(freeBytes)} are free. Free some space, then start the run again; it goes on from its last checkpoint.") =>
        DiskFull = true;

    /// <summary>True when there is no space left.</summary>
    public bool DiskFull { get; }

    private static bool IsDiskFull(Exception cause) => cause is IOException && DiskFullResults.Contains(cause.HResult);

    private static string Describe(string folder, Exception cause) => IsDiskFull(cause)
        ? $"No space is left to write a checkpoint in {folder}. Free some space, then start the run again; it goes on from its last checkpoint."
        : $"A checkpoint could not be written in {folder}: {cause.Message}";

    private static string Mebibytes(long bytes) => $"{bytes / 1048576.0:F1} MiB";
}

/// <summary>A run has checkpoints, but none of them can be read. It is not started over: that would throw away its work unasked.</summary>
/// <param name="folder">The folder of checkpoints.</param>
/// <param name="problems">What is wrong with each.</param>
public sealed class CheckpointsUnreadableException(string folder, IReadOnlyList<string> problems) : IOException(
    $"None of the {problems.Count} checkpoints in {folder} can be read: {string.Join(" ", problems)} Restore one from a backup, or submit a new run to begin again.");

/// <summary>A checkpoint belongs to another recipe or corpus than the run that would go on from it.</summary>
/// <param name="message">What differs.</param>
public sealed class CheckpointMismatchException(string message) : InvalidOperationException(message);

/// <summary>An attempt with an older lease tried to write: a newer attempt has taken the run over.</summary>
/// <param name="folder">The folder of checkpoints.</param>
/// <param name="epoch">Epoch of the writer.</param>
/// <param name="newer">Epoch of the newer attempt.</param>
public sealed class StaleLeaseException(string folder, long epoch, long newer) : InvalidOperationException(
    $"Lease epoch {epoch} may no longer write checkpoints in {folder}: epoch {newer} has taken the run over.");
