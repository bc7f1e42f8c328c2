using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data prepare</c>: progress on standard error, the outcome on standard output.</summary>
internal static class DataPreparation
{
    // Keys are always there: "contaminated" is null where GLUE was not looked for.
    private static readonly JsonSerializerOptions OneLine = new(RecipeJson.Options) { WriteIndented = false, DefaultIgnoreCondition = JsonIgnoreCondition.Never };

    public static void Run(CorpusRecipe recipe, string corpora, CorpusOptions options, bool json)
    {
        using var stop = new ConsoleStop();
        var started = Stopwatch.GetTimestamp();
        var manifest = CorpusBuilder.Prepare(recipe, corpora, options, new ProgressLine(), stop.Token);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        using var self = Process.GetCurrentProcess();
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new Outcome(
                    manifest.Digest, manifest.Documents, manifest.KeptDocuments, manifest.TrainingTokens, Math.Round(seconds, 3), self.PeakWorkingSet64,
                    manifest.Contamination?.ByTask, manifest.Filtered),
                OneLine));
            return;
        }

        Console.WriteLine(
            $"{CorpusBuilder.FolderOf(corpora, manifest.Digest)}\n{manifest.TrainingTokens:N0} tokens of {manifest.KeptDocuments:N0} of {manifest.Documents:N0} documents "
            + $"in {seconds:N1} s, peak memory {self.PeakWorkingSet64 / 1e6:N0} MB");
        if (manifest.Contamination is { } contamination)
        {
            Console.WriteLine(CorpusText.Describe(contamination));
        }
    }

    private sealed record Outcome(
        string Digest, long Documents, long KeptDocuments, long Tokens, double Seconds, long PeakMemoryBytes, IReadOnlyDictionary<string, long>? Contaminated, CorpusFiltered? Filtered);
}
