using System.Runtime.InteropServices;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Sources;

/// <summary>Finds the files of a recipe's sources, in an order that does not depend on the machine.</summary>
internal static class SourceResolver
{
    public static IReadOnlyList<SourceFile> Resolve(CorpusRecipe recipe, string? dotnetRoot)
    {
        if (recipe.Sources.Count == 0)
        {
            throw new CorpusException("corpus.sources is empty, expected at least one source. Use { \"kind\": \"dotnet-reference\" } or { \"kind\": \"text\", \"path\": ... }.");
        }

        var files = new List<SourceFile>();
        for (var i = 0; i < recipe.Sources.Count; i++)
        {
            var source = recipe.Sources[i];
            var index = i;
            var paths = source.Kind switch
            {
                CorpusSourceKind.DotnetReference => DotnetReferenceFiles(source, index, dotnetRoot),
                CorpusSourceKind.Text => TextFiles(source, index),
                _ => throw new CorpusException($"corpus.sources[{index}].kind is {source.Kind}, which this version cannot read."),
            };
            files.AddRange(paths.Select(path => new SourceFile(source, index, path, new FileInfo(path).Length)));
        }

        return files;
    }

    private static List<string> TextFiles(CorpusSource source, int index)
    {
        var where = $"corpus.sources[{index}].path";
        if (string.IsNullOrWhiteSpace(source.Path))
        {
            throw new CorpusException($"{where} is missing, expected a UTF-8 text file or a folder of *.txt.");
        }

        if (File.Exists(source.Path))
        {
            return [Path.GetFullPath(source.Path)];
        }

        if (!Directory.Exists(source.Path))
        {
            throw new CorpusException($"{where}: '{source.Path}' is neither a file nor a folder on this machine. Give the path of a UTF-8 text file or of a folder of *.txt.");
        }

        var root = Path.GetFullPath(source.Path);
        var found = Directory.EnumerateFiles(root, "*.txt", SearchOption.AllDirectories)
            .OrderBy(path => Path.GetRelativePath(root, path).Replace('\\', '/'), StringComparer.Ordinal).ToList();
        return found.Count > 0 ? found : throw new CorpusException($"{where}: the folder '{source.Path}' holds no *.txt file, not in its subfolders either.");
    }

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
