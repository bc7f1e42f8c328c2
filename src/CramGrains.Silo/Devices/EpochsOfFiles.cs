using System.Globalization;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Devices;

/// <summary>The lease epochs that stand in the names of a home's files: of attempts and of checkpoints.</summary>
/// <remarks>
/// The counter of epochs lives in the store. One that is put back from an older backup counts from where it was then, and would give epochs that these files carry already: an attempt would
/// find the folder of another one and take over its last word, and could write no checkpoint beside newer ones. So every machine tells the scheduler how far its files have got.
/// </remarks>
internal static class EpochsOfFiles
{
    private static readonly EnumerationOptions ThatCanBeRead = new() { IgnoreInaccessible = true };

    /// <summary>The highest of them; 0 when there is none.</summary>
    /// <exception cref="IOException">The disk, or the shared folder, does not answer.</exception>
    public static long Highest(HomeFolder home) => Folders(home.OwnRuns).SelectMany(run => Folders(Path.Combine(run, "attempts")))
        .Concat(Folders(home.Preparing).SelectMany(Folders)).Select(Number)
        .Concat(Folders(home.Runs).SelectMany(run => Folders(Path.Combine(run, "checkpoints"))).Select(OfCheckpoint))
        .DefaultIfEmpty(0).Max();

    private static IEnumerable<string> Folders(string folder) => Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "*", ThatCanBeRead) : [];

    private static long Number(string attempt) => long.TryParse(Path.GetFileName(attempt), NumberStyles.None, CultureInfo.InvariantCulture, out long epoch) ? epoch : 0;

    private static long OfCheckpoint(string folder) => ArtefactFolders.TryAge(Path.GetFileName(folder))?.Epoch ?? 0;
}
