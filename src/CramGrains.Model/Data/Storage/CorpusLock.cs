namespace CramGrains.Model.Data.Storage;

/// <summary>Lets one process at a time make a corpus. The operating system drops the lock when its holder dies.</summary>
internal sealed class CorpusLock : IDisposable
{
    private readonly FileStream _file;

    private CorpusLock(FileStream file) => _file = file;

    /// <summary>Takes the lock, waiting for whoever holds it.</summary>
    /// <param name="path">The lock file; it stays, because deleting it would race with another process that opens it.</param>
    /// <param name="waiting">Called each time it is found taken.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static CorpusLock Acquire(string path, Action waiting, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return new CorpusLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1));
            }
            catch (IOException) when (File.Exists(path))
            {
                waiting();
                cancellationToken.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200));
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
