namespace CramGrains.Silo.Hosting;

/// <summary>The operating system's word that one process at a time does something: an exclusive lock on a file, let go by the kernel when its holder ends, however it ends.</summary>
/// <remarks>The file stays, because deleting it would race with another process that opens it. What stays locks nobody out.</remarks>
internal static class FileLock
{
    /// <summary>Takes the lock for as long as the answer is not disposed; null when somebody has it. The folder must be there.</summary>
    public static FileStream? TryTake(string path)
    {
        try
        {
            // On Unix FileShare.None is flock(LOCK_EX | LOCK_NB).
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(path)) // Locked by another process; a missing folder or a read-only disk is not caught.
        {
            return null;
        }
        catch (UnauthorizedAccessException) when (File.Exists(path)) // another user's, which may be locked all the same
        {
            try
            {
                return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                return null;
            }
        }
    }
}
