using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data prepare</c>: progress on standard error, the outcome on standard output.</summary>
internal static class DataPreparation
{
    // Keys are always there: "contaminated" is null where GLUE was not looked for.
    private static readonly JsonSerializerOptions OneLine = new(RecipeJson.Options) { WriteIndented = false, DefaultIgnoreCondition = JsonIgnoreCondition.Never };

    public static void Run(CorpusRecipe recipe, string corpora, CorpusOptions options, bool json)
    {
        using var stop = new CancellationTokenSource();
        ConsoleCancelEventHandler cancel = (_, key) =>
        {
            key.Cancel = true;
            stop.Cancel();
        };
        Console.CancelKeyPress += cancel;
        try
        {
            var started = Stopwatch.GetTimestamp();
            var manifest = CorpusBuilder.Prepare(recipe, corpora, options, new Bar(), stop.Token);
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            using var self = Process.GetCurrentProcess();
            if (json)
            {
                Console.WriteLine(JsonSerializer.Serialize(
                    new Outcome(
                        manifest.Digest, manifest.Documents, manifest.KeptDocuments, manifest.TrainingTokens, Math.Round(seconds, 3), self.PeakWorkingSet64,
                        manifest.Contamination?.ByTask),
                    OneLine));
                return;
            }

            Console.WriteLine(
                $"{CorpusBuilder.FolderOf(corpora, manifest.Digest)}\n{manifest.TrainingTokens:N0} tokens of {manifest.KeptDocuments:N0} of {manifest.Documents:N0} documents "
                + $"in {seconds:N1} s, peak memory {self.PeakWorkingSet64 / 1e6:N0} MB");
            if (manifest.Contamination is { } contamination)
            {
                Console.WriteLine(DataRendering.Describe(contamination));
            }
        }
        finally
        {
            Console.CancelKeyPress -= cancel;
        }
    }

    private sealed record Outcome(
        string Digest, long Documents, long KeptDocuments, long Tokens, double Seconds, long PeakMemoryBytes, IReadOnlyDictionary<string, long>? Contaminated);

    /// <summary>One line that rewrites itself on a terminal, and one line a finished stage elsewhere.</summary>
    private sealed class Bar : IProgress<CorpusProgress>
    {
        public void Report(CorpusProgress value)
        {
            if (Console.IsErrorRedirected && value.Fraction < 1)
            {
                return;
            }

            var filled = (int)(value.Fraction * 30);
            var line = $"{value.Stage,-20} [{new string('#', filled)}{new string('.', 30 - filled)}] {value.Fraction,4:P0}"
                + (value.Bytes > 0 ? $"  {value.Bytes / 1e6,9:N1} MB  {value.BytesPerSecond / 1e6,7:N1} MB/s" : "                          ");
            Console.Error.Write(Console.IsErrorRedirected ? line + "\n" : $"\r{line}{(value.Fraction >= 1 ? "\n" : "")}");
        }
    }
}
