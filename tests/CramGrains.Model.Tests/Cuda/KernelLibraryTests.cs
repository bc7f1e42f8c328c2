using CramGrains.Model.Cuda;

namespace CramGrains.Model.Tests.Cuda;

public sealed class KernelLibraryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-kernels-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Kept_SecondTime_IsReadBackAndNotCompiled()
    {
        string path = Path.Combine(_folder, "cache", "adamw.cubin");
        Assert.Equal([1, 2, 3], KernelLibrary.Kept(path, () => [1, 2, 3]));
        Assert.Equal([1, 2, 3], KernelLibrary.Kept(path, () => throw new InvalidOperationException("compiled again")));
        Assert.Equal([path], Directory.EnumerateFileSystemEntries(Path.Combine(_folder, "cache")));
    }

    /// <summary>A name that survived a power cut while its bytes did not.</summary>
    [Fact]
    public void Kept_EmptyFile_IsCompiledAnewAndReplaced()
    {
        string path = Path.Combine(_folder, "adamw.cubin");
        File.WriteAllBytes(path, []);
        Assert.Equal([7], KernelLibrary.Kept(path, () => [7]));
        Assert.Equal([7], File.ReadAllBytes(path));
    }

    [Fact]
    public void Kept_FolderThatCannotBeMade_StillGivesTheKernel()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllBytes(file, [0]);
        Assert.Equal([5], KernelLibrary.Kept(Path.Combine(file, "cache", "adamw.cubin"), () => [5]));
    }
}
