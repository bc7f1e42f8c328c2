using System.CommandLine;
using System.Text.Json;
using CramGrains.Model;
using CramGrains.Model.Data;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Export;
using CramGrains.Model.Training;
using CramGrains.Silo.Data;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram export</c>: a checkpoint as a folder that Hugging Face transformers opens.</summary>
internal static class ExportCommand
{
    private static readonly JsonSerializerOptions SnakeCase = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Runs one command line, without the leading <c>export</c>.</summary>
    public static int Run(string[] arguments)
    {
        var source = new Argument<string>("RUN") { Description = "A run's id (with --home), a run's folder, or a checkpoint folder (.../checkpoints/step-*)." };
        var target = new Argument<string>("DIR") { Description = "Folder to write; must not exist or be empty." };
        var home = new Option<string?>("--home") { Description = "Home folder of the silo that ran it; found from the run's folder unless given." };
        var vocabulary = new Option<string?>("--vocabulary") { Description = "Vocabulary file, one entry a line, where the run's corpus is not on this machine." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new Command("export", "Exports a run's newest checkpoint for transformers. Example: cram export ~/.cramgrains/runs/r-1 ./my-bert")
        {
            source, target, home, vocabulary, json,
        };
        command.SetAction(parsed =>
        {
            if (parsed.GetRequiredValue(target).Length == 0)
            {
                throw new ArgumentException("DIR is empty. Name a folder; it is made where there is none."); // as an unset variable of a shell leaves it
            }

            TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
            var result = Export(parsed.GetRequiredValue(source), parsed.GetRequiredValue(target), parsed.GetValue(home), parsed.GetValue(vocabulary));
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new { result.Folder, Class = result.Class.ToString(), result.NeedsTrust, result.Bytes }, SnakeCase)
                : $"{result.Folder}: {result.Class}ForMaskedLM, {result.Bytes / 1e6:0.0} MB{(result.NeedsTrust ? ", opens with trust_remote_code=True" : "")}");
            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static ExportResult Export(string source, string target, string? home, string? vocabularyFile)
    {
        using var run = RunCheckpoint.Open(source, home, vocabularyFile);
        var (recipe, manifest) = (run.Recipe, run.Checkpoint.State.Manifest);
        var card = new ModelCard(
            recipe.Name, Hardware: manifest.Device, TrainingHours: manifest.BudgetUsedSeconds / 3600, TokensSeen: manifest.TokensSeen, Exaflop: manifest.ExaflopUsed,
            HeldOutLossNats: run.RunFolder is null ? null : HeldOutLoss(Path.Combine(run.RunFolder, "metrics.jsonl"), manifest.OptimizerSteps),
            Scores: run.RunFolder is null ? null : Scores(GlueResultFolder.ReadAll(GlueResultFolder.OfRun(run.RunFolder), PretrainedModel.IdentityOf(manifest))),
            Decontamination: run.Corpus is null ? null : Overlap(run.Corpus));
        return HuggingFaceExport.Write(target, ModelToExport.OfRun(recipe, run.Vocabulary, run.Checkpoint.State.Weights, card));
    }

    /// <summary>The held-out loss that was measured at a checkpoint, by the run's metrics; null where it was not.</summary>
    private static double? HeldOutLoss(string metrics, long steps)
    {
        if (!File.Exists(metrics))
        {
            return null;
        }

        double? loss = null;
        foreach (string line in File.ReadLines(metrics).Where(line => line.Contains(nameof(HeldOutMeasured), StringComparison.Ordinal)))
        {
            try
            {
                using var entry = JsonDocument.Parse(line);
                var data = entry.RootElement.GetProperty("data");
                loss = data.GetProperty("optimizer_steps").GetInt64() == steps ? data.GetProperty("loss_nats").GetDouble() : loss;
            }
            catch (Exception torn) when (torn is JsonException or KeyNotFoundException)
            {
                // the last line of a run that was killed
            }
        }

        return loss;
    }

    private static List<CardScore> Scores(IReadOnlyList<FineTuningResult> results) => [.. GlueMedian.Over(results.SelectMany(result => result.Scores)).Select(median => new CardScore(
        median.Task, median.Metric.Id(), median.Median,
        FormattableString.Invariant($"{median.Seeds} seed{(median.Seeds == 1 ? "" : $"s, {median.Minimum:0.####} to {median.Maximum:0.####}, sd {median.StandardDeviation:0.####}")}")
        + (median.Subset ? "; subset of the official data, not comparable with published scores" : "")))];

    private static string Overlap(CorpusManifest corpus) => corpus.Contamination is { } found
        ? CorpusText.Describe(found) + "."
        : "The training text was not compared with any evaluation set: the corpus was prepared without GLUE files at hand.";
}
