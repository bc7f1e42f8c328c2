namespace CramGrains.Model.Tests;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void Load_BuiltWithThisProgram_SaysWhereItsLibrariesAre()
    {
        var info = TorchRuntime.Load(null);
        Assert.Equal("built with this program", info.Source);
        Assert.Contains(info.Libraries, path => Path.GetFileName(path).Contains("torch_cpu", StringComparison.Ordinal) && File.Exists(path));
        Assert.Contains(info.Libraries, path => Path.GetFileName(path).Contains("LibTorchSharp", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_FolderOfLibtorch_LoadsItsLibraries()
    {
        string folder = Path.GetDirectoryName(TorchRuntime.Load(null).Libraries.First(path => Path.GetFileName(path).Contains("torch_cpu", StringComparison.Ordinal)))!;
        Assert.Equal($"folder {folder}", TorchRuntime.Load(folder).Source);
    }

    [Fact]
    public void Load_FolderMissing_NamesItAndTheVariable()
    {
        string message = Assert.Throws<TorchLoadException>(() => TorchRuntime.Load("/no/such/folder")).Message;
        Assert.Contains("/no/such/folder", message, StringComparison.Ordinal);
        Assert.Contains("CRAM_LIBTORCH", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FolderWithoutLibtorch_NamesTheMissingLibrary()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("c10", Assert.Throws<TorchLoadException>(() => TorchRuntime.Load(folder.Path)).Message, StringComparison.Ordinal);
    }
}
