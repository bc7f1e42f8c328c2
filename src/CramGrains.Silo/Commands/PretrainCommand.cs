using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using CramGrains.Silo.Data;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker.Jobs;
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
        var corpora = new Option<string?>("--corpora") { Description = "Folder of corpora; 'corpora' in CRAM_HOME, or in ~/.cramgrains, unless given." };
        var cache = new Option<string?>("--cache") { Description = "Folder for compiled kernels of the fast engine; 'kernels' beside the corpora unless given." };
        var device = LocalDevice.Option();
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new RootCommand("Pretrains a recipe on this machine, without a cluster. Example: cram pretrain recipes/quickstart.json --corpus ~/text --budget 5m --out my-run")
        {
            recipe, output, corpus, glue, budget, overrides, corpora, cache, device, json,
        };
        command.SetAction(parsed =>
        {
            string file = parsed.GetRequiredValue(recipe);
            string home = Environment.GetEnvironmentVariable("CRAM_HOME") is { Length: > 0 } given
                ? given : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cramgrains");
            string corporaFolder = parsed.GetValue(corpora) ?? new HomeFolder(home).Corpora;
            string[] sources = parsed.GetValue(corpus) ?? [];
            string? prepared = sources is [var one] ? FindCorpus(one, corporaFolder) : null;
            string[] settings = [.. parsed.GetValue(overrides) ?? [], .. parsed.GetValue(budget) is { } text ? [$"budget={text}"] : (string[])[]];
            var loaded = RecipeLoader.Load(File.ReadAllText(file), file, settings, corpusPaths: prepared is null ? [.. sources.Select(given => CorpusSource.IsAddress(given) ? given : Path.GetFullPath(given))] : null);
            var run = loaded.Recipe ?? throw new ArgumentException(string.Join('\n', loaded.Problems));
            var place = LocalDevice.Choose(parsed.GetValue(device));
            LocalDevice.UntilInterrupted(stop =>
            {
                string folder = prepared ?? CorpusBuilder.FolderOf(
                    corporaFolder, CorpusBuilder.Prepare(run.Corpus, corporaFolder, new CorpusOptions { GlueFolder = parsed.GetValue(glue), Downloads = DownloadSettings.FromEnvironment() }, new DirectProgress<CorpusProgress>(Show), stop).Digest);
                using var opened = Corpus.Open(folder, verify: false);
                var outcome = Pretrain(
                    run, opened, parsed.GetRequiredValue(output), place, parsed.GetValue(cache) ?? Path.Combine(corporaFolder, "..", "kernels"), stop);
                string report = JsonSerializer.Serialize(outcome, RecipeJson.Options);
                File.WriteAllText(Path.Combine(parsed.GetRequiredValue(output), "result.json"), report + "\n");
                Console.WriteLine(parsed.GetValue(json) ? report : Text(outcome));
                stop.ThrowIfCancellationRequested();
            });
            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static LocalResult Pretrain(Recipe recipe, Corpus corpus, string output, torch.Device device, string cache, CancellationToken stop)
    {
        RequireFit(recipe, corpus);
        Directory.CreateDirectory(output);
        Directory.CreateDirectory(cache);
        File.WriteAllText(Path.Combine(output, "recipe.json"), RecipeJson.ToCanonicalJson(recipe));
        File.WriteAllLines(Path.Combine(output, RunCheckpoint.VocabularyFile), corpus.Vocabulary);
        File.Copy(Path.Combine(corpus.Folder, CorpusManifest.FileName), Path.Combine(output, RunCheckpoint.CorpusFile), overwrite: true);

        using var engine = PretrainingEngines.Create(recipe, corpus.Encoder.VocabularySize, device, cache, Console.Error.WriteLine);
        var store = new CheckpointStore(Path.Combine(output, "checkpoints"), recipe.Checkpoints.Keep);
        using var metrics = new StreamWriter(Path.Combine(output, "metrics.jsonl"), append: true) { AutoFlush = true };
        var events = new DirectProgress<TrainingEvent>(happened =>
        {
            metrics.WriteLine(JsonSerializer.Serialize(new { At = DateTimeOffset.UtcNow, Event = happened.GetType().Name, Data = (object)happened }, OneLine));
            Show(happened);
        });
        var control = new PretrainingControl();
        using var asked = stop.Register(control.RequestStop);
        Console.Error.WriteLine($"{recipe.Name} on {DeviceNames.Of(device) ?? device.ToString()} with the {engine.Name} engine, {corpus.Manifest.TrainingTokens:N0} training tokens");
        var result = new Pretrainer(recipe, corpus.Training, corpus.HeldOut, engine, store, TimeProvider.System, events, corpus.Manifest.Digest).Run(0, control, CancellationToken.None);
        string? product = DeviceNames.Of(device);
        return new(
            recipe.Name, RecipeJson.Digest(recipe), corpus.Manifest.Digest, corpus.Manifest.TrainingTokens, result.Outcome, product ?? device.ToString(), engine.Name,
            result.Parameters, result.OptimizerSteps, result.TokensSeen, result.BudgetUsedSeconds > 0 ? result.TokensSeen / result.BudgetUsedSeconds : 0,
            ComputeUse.Of(result.BudgetUsedSeconds, result.ExaflopUsed, GpuPeaks.OfProduct(product)), result.HeldOutLossInitial, result.HeldOutLoss, result.Checkpoint);
    }

    private static string? FindCorpus(string name, string corpora)
    {
        if (File.Exists(Path.Combine(name, CorpusManifest.FileName)))
        {
            return Path.GetFullPath(name);
        }

        return Path.Exists(name) || !Directory.Exists(corpora) || !name.All(char.IsAsciiHexDigit)
            ? null
            : Directory.EnumerateDirectories(corpora, name + "*").Where(path => File.Exists(Path.Combine(path, CorpusManifest.FileName))).ToList() is [var only]
                ? only
                : throw new CorpusException($"'{name}' is no file or folder and does not name exactly one corpus in '{corpora}'. 'cram data ls' lists them.");
    }

    private static void RequireFit(Recipe recipe, Corpus corpus)
    {
        var made = corpus.Manifest.Recipe;
        if (made.SequenceLength != recipe.Corpus.SequenceLength || corpus.Encoder.VocabularySize > recipe.Corpus.VocabularySize || made.Normalizer != recipe.Corpus.Normalizer)
        {
            throw new CorpusException(
                $"{corpus.Folder}: has rows of {made.SequenceLength} tokens, {corpus.Encoder.VocabularySize} entries and normalizer {made.Normalizer}, but the recipe asks for "
                + $"{recipe.Corpus.SequenceLength}, {recipe.Corpus.VocabularySize} and {recipe.Corpus.Normalizer}. Set corpus.sequence_length, corpus.vocabulary_size and corpus.normalizer alike.");
        }
    }

    private static void Show(CorpusProgress progress)
    {
        if (progress.Fraction >= 1)
        {
            Console.Error.WriteLine($"corpus: {progress.Stage} done");
        }
    }

    private static void Show(TrainingEvent happened)
    {
        string? line = happened switch
        {
            HeldOutMeasured measured => $"step {measured.OptimizerSteps}: held-out loss {measured.LossNats:0.0000} nats",
            Resumed resumed => $"went on from {resumed.Path}, {resumed.BudgetUsedSeconds:0.0} s used",
            CheckpointRefused refused => $"{refused.Path} could not be used: {refused.Problem}",
            TrainingNote note => note.Text,
            _ => null,
        };
        if (line is not null)
        {
            Console.Error.WriteLine(line);
        }
    }

    private static string Text(LocalResult result)
    {
        const string Unknown = "its peak is not known";
        return FormattableString.Invariant($"""
            {result.Outcome}: {result.OptimizerSteps} optimizer steps, {result.TokensSeen:N0} tokens in {result.Compute.Seconds:0.0} s, {result.TokensPerSecond:N0} tokens/s on {result.Device} ({result.Engine})
            compute   {result.Compute.Exaflop:G4} exaFLOP of model operations; peak in that time {(result.Compute.PeakExaflop is { } peak ? FormattableString.Invariant($"{peak:G4} exaFLOP, MFU {100 * result.Compute.ModelFlopsUtilization:0.0} %") : Unknown)}
            held-out  {result.HeldOutLossInitial:0.000} -> {result.HeldOutLoss:0.000} nats, {result.Parameters:N0} parameters
            {result.Checkpoint}
            """);
    }

    private static JsonSerializerOptions OneLine { get; } = new(RecipeJson.Options) { WriteIndented = false };

    private sealed record LocalResult(
        string Name, string RecipeDigest, string CorpusDigest, long CorpusTokens, PretrainingOutcome Outcome, string Device, string Engine, long Parameters,
        long OptimizerSteps, long TokensSeen, double TokensPerSecond, ComputeUse Compute, double HeldOutLossInitial, double? HeldOutLoss, string Checkpoint);
}
