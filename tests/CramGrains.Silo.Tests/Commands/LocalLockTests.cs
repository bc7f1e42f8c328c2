using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>What a local command keeps for itself while it runs; the other process is a lock that the test holds, and lets go of as a kill does.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class LocalLockTests(TrainedRun trained) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-lock-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Pretrain_FolderInUse_IsRefusedUntilTheOtherHasEnded()
    {
        using (FileLock.TryTake(Path.Combine(_folder, "run.lock")))
        {
            var refused = trained.Pretrain(_folder);
            Assert.Equal(1, refused.Code);
            Assert.Contains($"{_folder}: another process trains there. Wait for it, or give another --out", refused.Error, StringComparison.Ordinal);
            Assert.Equal(["run.lock"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
        }

        var taken = trained.Pretrain(_folder); // over the file that the other left behind
        Assert.True(taken.Code == 0, taken.Error);
        using var free = FileLock.TryTake(Path.Combine(_folder, "run.lock"));
        Assert.NotNull(free); // let go of at the end
    }

    [Fact]
    public void Pretrain_OutputIsAFile_IsAUsageError()
    {
        string file = Path.Combine(_folder, "taken");
        File.WriteAllText(file, "");
        var refused = trained.Pretrain(file);
        Assert.Equal(2, refused.Code);
        Assert.Contains($"--out {file}: is a file.", refused.Error, StringComparison.Ordinal);
    }
}
