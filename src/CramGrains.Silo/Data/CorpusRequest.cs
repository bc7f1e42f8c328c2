using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Data;

/// <summary>Names a corpus before it exists: its recipe, and which files it is made of.</summary>
/// <remarks>
/// Files enter by path, size and time of last change: reading gigabytes to name them would cost more than the name is worth, and a file that was edited
/// gets a new name all the same. The corpus itself carries checksums of its content.
/// </remarks>
internal static class CorpusRequest
{
    /// <returns>The digest, or the problems that would keep the corpus from being prepared here.</returns>
    public static (string? Digest, IReadOnlyList<string> Problems) Name(CorpusRecipe recipe)
    {
        var problems = new List<string>();
        var text = new StringBuilder();
        text.Append(JsonSerializer.Serialize(recipe, RecipeJson.Options)).Append('\n');
        foreach (CorpusSource source in recipe.Sources)
        {
            if (source.Kind != CorpusSourceKind.Text)
            {
                // Follows the installed SDK; its files are found by the worker.
                text.Append(CultureInfo.InvariantCulture, $"{source.Kind} {Environment.Version}\n");
            }
            else if (source.Path is not { Length: > 0 } path || !Path.IsPathFullyQualified(path))
            {
                problems.Add($"corpus.sources: path must be absolute on the silo's machine, got '{source.Path}'. The silo does not know the client's folder.");
            }
            else if (File.Exists(path))
            {
                Append(text, new FileInfo(path));
            }
            else if (Directory.Exists(path))
            {
                foreach (FileInfo file in new DirectoryInfo(path).EnumerateFiles("*.txt", SearchOption.AllDirectories).OrderBy(f => f.FullName, StringComparer.Ordinal))
                {
                    Append(text, file);
                }
            }
            else
            {
                problems.Add($"corpus.sources: {path} does not exist on {Environment.MachineName}. Give a UTF-8 text file or a folder of *.txt files.");
            }
        }

        return problems.Count > 0 ? (null, problems) : (Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))), problems);
    }

    private static void Append(StringBuilder text, FileInfo file) =>
        text.Append(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}\n");
}
