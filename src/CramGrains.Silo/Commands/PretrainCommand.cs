using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using CramGrains.Silo.Hosting;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram pretrain</c>: one recipe on this machine without a cluster, into a folder that the other local commands take as a run.</summary>
internal static class PretrainCommand
{
    /// <summary>Runs one command line, without the leading <c>pretrain</c>.</summary>
    public static int Run(string[] arguments)
    {
        var recipe = new Argument<string>("RECIPE") { Description = "Recipe file, such as recipes/crammed-bert-24h.json." };
        var output = new Option<string>("--out") { Description = "Folder of the run; run again, it goes on from its newest checkpoint.", Required = true };
        var corpus = new Option<string[]>("--corpus")
        {
            Description = "A prepared corpus (digest or folder), or text files and folders that replace the recipe's sources; may be repeated.", AllowMultipleArgumentsPerToken = true,
        };
        var glue = new Option<string?>("--glue") { Description = "Official GLUE files; documents that hold their sentences are left out while a corpus is prepared." };
        var budget = new Option<string?>("--budget") { Description = "Budget such as 60s, 5m, 24h, 500Mtokens or 13.4exaflop, instead of the recipe's." };
        var overrides = new Option<string[]>("--set") { Description = "A setting of the recipe, such as architecture.layers=12; may be repeated." };
        var (corpora, cache) = (LocalCorpora.Option(), LocalCorpora.CacheOption());
        var device = LocalDevice.Option();
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new Command("pretrain", "Pretrains a recipe on this machine, without a cluster. Example: cram pretrain recipes/quickstart.json --corpus ~/text --budget 5m --out my-run")
        {
            recipe, output, corpus, glue, budget, overrides, corpora, cache, device, json,
        };
        command.SetAction(parsed =>
        {
            string corporaFolder = LocalCorpora.Folder(parsed.GetValue(corpora));
            string[] sources = parsed.GetValue(corpus) ?? [];
            string? prepared = sources is [var one] ? LocalCorpora.Find(one, corporaFolder) : null;
            string[] settings = [.. parsed.GetValue(overrides) ?? [], .. parsed.GetValue(budget) is { } text ? [$"budget={text}"] : (string[])[]];
            var run = LocalRecipes.Load(parsed.GetRequiredValue(recipe), settings, prepared is null ? LocalCorpora.Paths(sources) : null);
            var place = LocalDevice.Choose(parsed.GetValue(device));
            using var alone = LocalPretraining.TakeFolder(parsed.GetRequiredValue(output)); // before a corpus is prepared for nothing
            using var gpu = LocalDevice.Take(place, "cram pretrain");
            LocalDevice.UntilInterrupted(stop =>
            {
                string folder = prepared ?? LocalCorpora.Prepare(run.Corpus, corporaFolder, parsed.GetValue(glue), stop);
                using var opened = Corpus.Open(folder, verify: false);
                var outcome = Pretrain(run, opened, parsed.GetRequiredValue(output), place, LocalCorpora.Cache(parsed.GetValue(cache), corporaFolder), stop);
                string report = JsonSerializer.Serialize(outcome, RecipeJson.Options);
                AtomicFile.WriteText(Path.Combine(parsed.GetRequiredValue(output), "result.json"), report + "\n");
                Console.WriteLine(parsed.GetValue(json) ? report : Text(outcome));
                stop.ThrowIfCancellationRequested();
            });
            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static LocalResult Pretrain(Recipe recipe, Corpus corpus, string output, torch.Device device, string cache, CancellationToken stop)
    {
        LocalCorpora.RequireFit(recipe, corpus);
        LocalPretraining.Checkpoints(output).RequireRun(RecipeJson.Digest(recipe), corpus.Manifest.Digest); // before its vocabulary is written over
        RunCheckpoint.WriteCorpus(output, corpus.Vocabulary, File.ReadAllText(Path.Combine(corpus.Folder, CorpusManifest.FileName)));
        var pretraining = new LocalPretraining(recipe, corpus.Training, corpus.HeldOut, corpus.Encoder.VocabularySize, corpus.Manifest.Digest, output, device, cache);
        var result = pretraining.Run(null, stop);
        string? product = DeviceNames.Of(device);
        return new(
            recipe.Name, RecipeJson.Digest(recipe), corpus.Manifest.Digest, corpus.Manifest.TrainingTokens, result.Outcome, product ?? device.ToString(), pretraining.EngineName,
            result.Parameters, result.OptimizerSteps, result.TokensSeen, result.BudgetUsedSeconds > 0 ? result.TokensSeen / result.BudgetUsedSeconds : 0,
            ComputeUse.Of(result.BudgetUsedSeconds, result.ExaflopUsed, GpuPeaks.OfProduct(product)), result.HeldOutLossInitial, result.HeldOutLoss, result.Checkpoint);
    }

    private static string Text(LocalResult result)
    {
        string peak = result.Compute.PeakExaflop is { } most
            ? FormattableString.Invariant($"peak in that time {most:G4} exaFLOP, MFU {100 * result.Compute.ModelFlopsUtilization:0.0} %")
            : "the device's peak is not known";
        string heldOut = result.HeldOutLoss is { } loss ? FormattableString.Invariant($"-> {loss:0.000} nats") : "nats at the start, measured again at the end";
        return FormattableString.Invariant($"""
            {result.Outcome}: {result.OptimizerSteps} optimizer steps, {result.TokensSeen:N0} tokens in {result.Compute.Seconds:0.0} s, {result.TokensPerSecond:N0} tokens/s on {result.Device} ({result.Engine})
            compute   {result.Compute.Exaflop:G4} exaFLOP of model operations; {peak}
            held-out  {result.HeldOutLossInitial:0.000} {heldOut}, {result.Parameters:N0} parameters
            {result.Checkpoint}
            """);
    }

    private sealed record LocalResult(
        string Name, string RecipeDigest, string CorpusDigest, long CorpusTokens, PretrainingOutcome Outcome, string Device, string Engine, long Parameters,
        long OptimizerSteps, long TokensSeen, double TokensPerSecond, ComputeUse Compute, double? HeldOutLossInitial, double? HeldOutLoss, string Checkpoint);
}
