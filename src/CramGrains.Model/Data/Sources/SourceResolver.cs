using System.Runtime.InteropServices;
using CramGrains.Model.Data.Downloads;
using CramGrains.Model.Recipes;
using Microsoft.Extensions.FileSystemGlobbing;

namespace CramGrains.Model.Data.Sources;

/// <summary>Finds the files of a recipe's sources, in an order that does not depend on the machine; what is on the network is fetched first.</summary>
internal static class SourceResolver
{
    /// <summary>Finds the files.</summary>
    /// <param name="recipe">The sources.</param>
    /// <param name="dotnetRoot">The .NET installation for <c>dotnet-reference</c>; null for the running one.</param>
    /// <param name="library">Fetches what is on the network.</param>
    /// <exception cref="CorpusException">A source is missing, empty or cannot be fetched.</exception>
    public static IReadOnlyList<SourceFile> Resolve(CorpusRecipe recipe, string? dotnetRoot, RemoteFiles library)
    {
        if (recipe.Sources.Count == 0)
        {
            throw new CorpusException("corpus.sources is empty, expected at least one source. Use { \"kind\": \"dotnet-reference\" } or { \"kind\": \"text\", \"path\": ... }.");
        }

        var files = new List<SourceFile>();
        foreach (var (index, source) in recipe.Sources.Index())
        {
            var paths = source.Kind switch
            {
                CorpusSourceKind.DotnetReference => DotnetReferenceFiles(source, index, dotnetRoot),
                CorpusSourceKind.HuggingFace => library.Dataset(source),
                _ when source.IsRemote => [library.Address(source)],
                CorpusSourceKind.Text or CorpusSourceKind.JsonLines or CorpusSourceKind.Parquet or CorpusSourceKind.Wikipedia => LocalFiles(source, index),
                _ => throw new CorpusException($"corpus.sources[{index}].kind is {source.Kind}, which this version cannot read."),
            };
            files.AddRange(paths.Select(path => new SourceFile(source, index, path, new FileInfo(path).Length)));
        }

        return files;
    }

    /// <summary>The files of a source on this machine: a file, the fitting files of a folder and its subfolders, or those that a pattern names.</summary>
    /// <exception cref="CorpusException">There are none.</exception>
    public static IReadOnlyList<string> LocalFiles(CorpusSource source, int index)
    {
        var where = $"corpus.sources[{index}].path";
        var patterns = Patterns(source.Kind);
        if (string.IsNullOrWhiteSpace(source.Path))
        {
            throw new CorpusException($"{where} is missing, expected a file, a folder of {patterns[0]}, a pattern or an HTTP(S) address.");
        }

        if (File.Exists(source.Path))
        {
            return [Path.GetFullPath(source.Path)];
        }

        if (Directory.Exists(source.Path))
        {
            var root = Path.GetFullPath(source.Path);
            var found = Matching(where, root, patterns.Select(pattern => "**/" + pattern));
            return found.Count > 0 ? found : throw new CorpusException($"{where}: the folder '{source.Path}' holds no {string.Join(", ", patterns)} file, not in its subfolders either.");
        }

        if (source.Path.Contains('*'))
        {
            var (root, pattern) = SplitPattern(Path.GetFullPath(source.Path));
            var found = Directory.Exists(root) ? Matching(where, root, [pattern]) : [];
            return found.Count > 0 ? found : throw new CorpusException($"{where}: the pattern '{source.Path}' matches no file. '*' stays within a folder, '**' crosses folders.");
        }

        throw new CorpusException($"{where}: '{source.Path}' is neither a file nor a folder on this machine. Give the path of a file, of a folder of {patterns[0]}, or a pattern.");
    }

    private static string[] Patterns(CorpusSourceKind kind) => kind switch
    {
        CorpusSourceKind.JsonLines => [.. Compressed("*.jsonl"), .. Compressed("*.ndjson"), .. Compressed("*.json")],
        CorpusSourceKind.Parquet => ["*.parquet"],
        CorpusSourceKind.Wikipedia => [.. Compressed("*.xml")],
        _ => [.. Compressed("*.txt")],
    };

    private static IEnumerable<string> Compressed(string pattern) => CompressedText.Endings.Select(ending => pattern + ending).Prepend(pattern);

    private static (string Root, string Pattern) SplitPattern(string path)
    {
        var parts = path.Split(Path.DirectorySeparatorChar);
        var wild = Array.FindIndex(parts, part => part.Contains('*'));
        return (string.Join(Path.DirectorySeparatorChar, parts[..wild]) + Path.DirectorySeparatorChar, string.Join('/', parts[wild..]));
    }

    private static List<string> Matching(string where, string root, IEnumerable<string> patterns)
    {
        var matcher = new Matcher(StringComparison.Ordinal);
        matcher.AddIncludePatterns(patterns);
        List<string> found;
        try
        {
            found = [.. matcher.Execute(new SourceFolder(new(root))).Files.Select(file => Path.GetFullPath(Path.Combine(root, file.Path)))
                .Order(Comparer<string>.Create((a, b) => string.CompareOrdinal(Relative(root, a), Relative(root, b))))];
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{where}: a folder in '{root}' cannot be listed: {problem.Message} Let this user read it, or name other files.", problem);
        }

        return found.Find(path => !File.Exists(path) || LeadsNowhere(new(path))) is not { } lost ? found : throw new CorpusException(
            $"{where}: '{lost}' is listed in its folder and cannot be opened: it is a link that leads nowhere, or its name is not UTF-8. Rename or remove it, or name other files.");
    }

    private static bool LeadsNowhere(FileInfo file) => file.LinkTarget is not null && file.ResolveLinkTarget(returnFinalTarget: true) is not { Exists: true };

    private static string Relative(string root, string path) => Path.GetRelativePath(root, path).Replace('\\', '/');

    private static List<string> DotnetReferenceFiles(CorpusSource source, int index, string? dotnetRoot)
    {
        if (source.Path is not null)
        {
            throw new CorpusException($"corpus.sources[{index}].path is '{source.Path}', expected none: dotnet-reference finds the installed SDK by itself.");
        }

        // .../shared/Microsoft.NETCore.App/10.0.0/ -> ...
        var root = dotnetRoot ?? Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var packs = Path.Combine(root, "packs");
        var found = Directory.Exists(packs)
            ? Directory.EnumerateDirectories(packs).Order(StringComparer.Ordinal).SelectMany(NewestReference).ToList()
            : [];
        return found.Count > 0
            ? found
            : throw new CorpusException(
                $"corpus.sources[{index}]: no reference documentation under '{packs}' (expected packs/*/*/ref/*/*.xml). Install the .NET SDK, "
                + "which carries it, point DOTNET_ROOT at one that has it, or use a text source.");
    }

    // One version of each pack: older ones hold nearly the same text.
    private static IEnumerable<string> NewestReference(string pack)
    {
        var newest = Directory.EnumerateDirectories(pack)
            .Select(path => (Path: path, Version: VersionOf(Path.GetFileName(path))))
            .Where(candidate => Directory.Exists(Path.Combine(candidate.Path, "ref")))
            .OrderByDescending(candidate => candidate.Version).ThenByDescending(candidate => candidate.Path, StringComparer.Ordinal)
            .Select(candidate => candidate.Path).FirstOrDefault();
        return newest is null
            ? []
            : Directory.EnumerateDirectories(Path.Combine(newest, "ref")).Order(StringComparer.Ordinal)
                .SelectMany(framework => Directory.EnumerateFiles(framework, "*.xml").Order(StringComparer.Ordinal));
    }

    private static Version VersionOf(string folder) => Version.TryParse(folder.Split('-')[0], out var version) ? version : new Version(0, 0);
}
