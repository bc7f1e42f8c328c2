using System.Security.Cryptography;
using System.Text.Json;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Duplicates;

/// <summary>Finds what repeats earlier text, as the recipe asks, or what an interrupted preparation found of it.</summary>
internal static class DuplicateStage
{
    private const string NearFile = "near-duplicates.found", CutsFile = "repeated-text.found";

    /// <summary>Tells the stream what to leave out from now on.</summary>
    public static void Run(
        string folder, CorpusRecipe recipe, DocumentStream documents, CorpusOptions options, IProgress<CorpusProgress>? progress, CancellationToken cancellationToken)
    {
        if (recipe.NearDuplicates is null && recipe.RepeatedText is null)
        {
            return;
        }

        var counts = new DuplicateCounts(0, 0, 0, 0);
        var near = recipe.NearDuplicates is null ? null : Path.Combine(folder, NearFile);
        if (near is not null)
        {
            var removed = Once(near, () => new[] { new NearDuplicates(recipe.NearDuplicates!, folder, options).Run(documents, near, Meter("finding near-duplicates"), cancellationToken) });
            counts = counts with { NearDuplicates = removed[0] };
            documents.Duplicates = new DuplicateFilter(near, null, counts);
        }

        var cuts = recipe.RepeatedText is null ? null : Path.Combine(folder, CutsFile);
        if (cuts is not null)
        {
            var found = Once(cuts, () =>
            {
                var (cutDocuments, stretches, bytes) = new RepeatedText(recipe.RepeatedText!, folder, options).Run(documents, cuts, Meter("finding repeated text", 2), cancellationToken);
                return new[] { cutDocuments, stretches, bytes };
            });
            counts = counts with { CutDocuments = found[0], CutStretches = found[1], CutBytes = found[2] };
        }

        documents.Duplicates = new DuplicateFilter(near, cuts, counts);

        ProgressMeter Meter(string stage, int readings = 1) => new(stage, readings * documents.Bytes, progress, options.Time);
    }

    /// <summary>Does the work unless its file is there whole; the seal beside it holds its checksum and its figures.</summary>
    private static long[] Once(string file, Func<long[]> work)
    {
        var seal = file + ".seal";
        if (File.Exists(file) && File.Exists(seal) && Read(seal) is { } found && found.Sha256 == Sha256(file))
        {
            return found.Figures;
        }

        File.Delete(seal);
        var figures = work();
        using (var written = new FileStream(file, FileMode.Open, FileAccess.ReadWrite))
        {
            written.Flush(flushToDisk: true);
        }

        File.WriteAllText(seal, JsonSerializer.Serialize(new Seal(Sha256(file), figures)));
        return figures;
    }

    private static Seal? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Seal>(File.ReadAllText(path));
        }
        catch (JsonException)
        {
            return null; // Torn; the work is done again.
        }
    }

    private static string Sha256(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private sealed record Seal(string Sha256, long[] Figures);
}
