using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data;

/// <summary>What names a corpus: the version of the format, the recipe without this machine's paths, and the content of every source file.</summary>
internal sealed record CorpusIdentity(string Digest, CorpusRecipe Recipe, IReadOnlyList<SourceFile> Files, IReadOnlyList<CorpusInput> Inputs)
{
    public static CorpusIdentity Of(
        CorpusRecipe recipe, IReadOnlyList<SourceFile> files, ContaminationIndex? contamination, Action<long> report, CancellationToken cancellationToken)
    {
        var kept = new List<SourceFile>();
        var inputs = new List<CorpusInput>();
        var known = new HashSet<(int, string)>();
        foreach (var file in files)
        {
            var sha = HashFile(file.Path, report, cancellationToken);
            // Packs share files; in text, what the user repeats is meant.
            if (file.Source.Kind == CorpusSourceKind.DotnetReference && !known.Add((file.SourceIndex, sha)))
            {
                continue;
            }

            kept.Add(file);
            inputs.Add(new CorpusInput(file.SourceIndex, Path.GetFileName(file.Path), file.Bytes, sha));
        }

        if (kept.Sum(file => file.Bytes) == 0)
        {
            throw new CorpusException($"The corpus is empty: {(kept.Count == 1 ? $"{kept[0].Path} holds" : $"its {kept.Count} files hold")} no bytes. Give sources that hold text.");
        }

        var anonymous = recipe with { Sources = [.. recipe.Sources.Select(source => source.IsRemote ? source : source with { Path = null })] };
        var text = new StringBuilder($"cramgrains corpus {CorpusManifest.CurrentFormatVersion}\n")
            .Append(JsonSerializer.Serialize(anonymous, RecipeJson.Options).ReplaceLineEndings("\n"));
        foreach (var input in inputs)
        {
            text.Append($"\n{input.Source} {input.Sha256}");
        }

        if (contamination is not null)
        {
            text.Append($"\ncontamination {contamination.Sha256}");
        }

        return new CorpusIdentity(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))), anonymous, kept, inputs);
    }

    private static string HashFile(string path, Action<long> report, CancellationToken cancellationToken)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 18];
        while (file.Read(buffer) is > 0 and var read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
            report(read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
