namespace CramGrains.Silo.Hosting;

/// <summary>The exclusive right to a home folder, for the life of this process.</summary>
internal sealed class HomeLock : IDisposable
{
    private readonly FileStream _file;

    private HomeLock(FileStream file) => _file = file;

    /// <exception cref="StartupException">The folder cannot be made or written, or another silo holds it.</exception>
    public static HomeLock Take(HomeFolder home)
    {
        try
        {
            Directory.CreateDirectory(home.Root);
            Directory.CreateDirectory(Path.GetDirectoryName(home.Database)!);
            // On Unix FileShare.None is flock(LOCK_EX | LOCK_NB): it goes with the process, however that ends.
            var file = new FileStream(home.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            try
            {
                ProbeWrite(home);
            }
            catch
            {
                file.Dispose(); // or it would look held, by this very process
                throw;
            }

            return new HomeLock(file);
        }
        catch (IOException) when (File.Exists(home.LockFile) && IsHeld(home.LockFile))
        {
            throw new StartupException(
                $"home {home.Root} is in use by another silo{Holder(home)}. Stop that one (cram down --home {home.Root}) or give another home with --home DIR.");
        }
        catch (Exception problem) when (problem is UnauthorizedAccessException or IOException)
        {
            throw new StartupException($"home {home.Root} is not writable: {problem.Message} Give a folder that this user may write to with --home DIR.");
        }
    }

    public void Dispose() => _file.Dispose();

    private static bool IsHeld(string path)
    {
        try
        {
            using var probe = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>A folder may admit a lock file left there and yet refuse new files (other owner, full disk).</summary>
    private static void ProbeWrite(HomeFolder home)
    {
        string probe = Path.Combine(home.Root, ".write-probe");
        File.WriteAllText(probe, "probe\n");
        File.Delete(probe);
    }

    private static string Holder(HomeFolder home)
    {
        SiloDescription? silo = SiloDescription.TryRead(home);
        return silo is null ? "" : $" (process {silo.Pid})";
    }
}
