using Microsoft.Extensions.FileSystemGlobbing.Abstractions;

namespace CramGrains.Model.Data.Sources;

/// <summary>A folder as patterns see it, without links that lead back to a folder above them: what lies there would be read again and again, and counted as so much more text.</summary>
internal sealed class SourceFolder(DirectoryInfo folder) : DirectoryInfoBase
{
    public override string Name => folder.Name;

    public override string FullName => folder.FullName;

    public override DirectoryInfoBase? ParentDirectory => folder.Parent is { } parent ? new SourceFolder(parent) : null;

    public override IEnumerable<FileSystemInfoBase> EnumerateFileSystemInfos()
    {
        foreach (var entry in folder.EnumerateFileSystemInfos())
        {
            if (entry is FileInfo file)
            {
                yield return new FileInfoWrapper(file);
            }
            else if (entry is DirectoryInfo below && !LeadsBack(below))
            {
                yield return new SourceFolder(below);
            }
        }
    }

    public override DirectoryInfoBase? GetDirectory(string path) => Path.Combine(FullName, path) is var below && Directory.Exists(below) ? new SourceFolder(new(below)) : null;

    public override FileInfoBase? GetFile(string path) => new FileInfoWrapper(new(Path.Combine(FullName, path)));

    private static bool LeadsBack(DirectoryInfo link) =>
        link.LinkTarget is not null && link.ResolveLinkTarget(returnFinalTarget: true) is { } target
        && $"{link.FullName}{Path.DirectorySeparatorChar}".StartsWith($"{Path.TrimEndingDirectorySeparator(target.FullName)}{Path.DirectorySeparatorChar}", StringComparison.Ordinal);
}
