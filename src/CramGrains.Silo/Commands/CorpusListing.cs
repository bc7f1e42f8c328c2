using CramGrains.Model.Data;

namespace CramGrains.Silo.Commands;

/// <summary>The corpora of a folder.</summary>
internal static class CorpusListing
{
    /// <summary>Their manifests; one that is damaged is named on standard error, and the others are read.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="mustExist">Whether its user has named it; that of a home is made with its first corpus.</param>
    /// <exception cref="CorpusException">It must exist and does not.</exception>
    public static IReadOnlyList<CorpusManifest> Of(string folder, bool mustExist)
    {
        if (!Directory.Exists(folder))
        {
            return mustExist ? throw new CorpusException($"--corpora {folder}: there is no such folder.") : [];
        }

        return [.. Directory.GetDirectories(folder).Order(StringComparer.Ordinal).Where(path => File.Exists(Path.Combine(path, CorpusManifest.FileName))).Select(Read).OfType<CorpusManifest>()];
    }

    private static CorpusManifest? Read(string path)
    {
        try
        {
            return CorpusManifest.Read(path);
        }
        catch (CorpusException problem)
        {
            Console.Error.WriteLine(problem.Message);
            return null;
        }
    }
}
