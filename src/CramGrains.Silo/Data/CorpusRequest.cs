using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Data;

/// <summary>Names a corpus before it exists: its recipe, and which files it is made of.</summary>
/// <remarks>
/// Files enter by path, size and time of last change: reading gigabytes to name them would cost more than the name is worth, and a file that was edited
/// gets a new name all the same. The corpus itself carries checksums of its content.
/// </remarks>
internal static class CorpusRequest
{
    /// <param name="recipe">The corpus.</param>
    /// <param name="glueFolder">GLUE files whose sentences are looked for in it; null for none.</param>
    /// <returns>The digest, or the problems that would keep the corpus from being prepared here.</returns>
    public static (string? Digest, IReadOnlyList<string> Problems) Name(CorpusRecipe recipe, string? glueFolder = null)
    {
        var problems = new List<string>();
        var text = new StringBuilder();
        text.Append(JsonSerializer.Serialize(recipe, RecipeJson.Options)).Append('\n');
        foreach (var (index, source) in recipe.Sources.Index())
        {
            if (source.Kind == CorpusSourceKind.DotnetReference)
            {
                // Follows the installed SDK; its files are found by the worker.
                text.Append(CultureInfo.InvariantCulture, $"{source.Kind} {Environment.Version}\n");
            }
            else if (source.Kind == CorpusSourceKind.HuggingFace || CorpusSource.IsAddress(source.Path))
            {
                // Named by its address alone, which the recipe's text above holds: what was fetched once stays as it was.
            }
            else if (source.Path is not { Length: > 0 } path || !Path.IsPathFullyQualified(path))
            {
                problems.Add($"corpus.sources: path must be absolute on the silo's machine, got '{source.Path}'. The silo does not know the client's folder.");
            }
            else
            {
                AddFiles(source, index, text, problems);
            }
        }

        if (glueFolder is not null && recipe.Decontamination != DecontaminationMode.Off && Directory.Exists(glueFolder))
        {
            try
            {
                foreach (FileInfo file in new DirectoryInfo(glueFolder).EnumerateFiles("*.tsv", SearchOption.AllDirectories).OrderBy(f => f.FullName, StringComparer.Ordinal))
                {
                    Append(text, file);
                }
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                problems.Add($"GLUE folder {glueFolder}: {problem.Message} Looked on {Environment.MachineName}. Let the silo's user read all of it.");
            }
        }

        return problems.Count > 0 ? (null, problems) : (Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))), problems);
    }

    private static void AddFiles(CorpusSource source, int index, StringBuilder text, List<string> problems)
    {
        try
        {
            foreach (string path in CorpusBuilder.LocalFiles(source, index))
            {
                Append(text, new FileInfo(path));
            }
        }
        catch (Exception problem) when (problem is CorpusException or IOException or UnauthorizedAccessException)
        {
            problems.Add($"{problem.Message} Looked on {Environment.MachineName}.");
        }
    }

    private static void Append(StringBuilder text, FileInfo file) =>
        text.Append(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}\n");
}
