using System.CommandLine;
using System.Text.Json;
using CramGrains.Model;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Export;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram export</c>: a checkpoint as a folder that Hugging Face transformers opens.</summary>
internal static class ExportCommand
{
    private const int Done = 0, Failed = 1, Usage = 2;

    private static readonly JsonSerializerOptions SnakeCase = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Runs one command line, without the leading <c>export</c>.</summary>
    public static int Run(string[] arguments)
    {
        var source = new Argument<string>("RUN") { Description = "A run's id (with --home), a run's folder, or a checkpoint folder (.../checkpoints/step-*)." };
        var target = new Argument<string>("DIR") { Description = "Folder to write; must not exist or be empty." };
        var home = new Option<string?>("--home") { Description = "Home folder of the silo that ran it; found from the run's folder unless given." };
        var vocabulary = new Option<string?>("--vocabulary") { Description = "Vocabulary file, one entry a line, where the run's corpus is not on this machine." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new RootCommand("Exports a run's newest checkpoint for transformers. Example: cram export ~/.cramgrains/runs/r-1 ./my-bert")
        {
            source, target, home, vocabulary, json,
        };
        command.SetAction(parsed =>
        {
            TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
            var result = Export(parsed.GetRequiredValue(source), parsed.GetRequiredValue(target), parsed.GetValue(home), parsed.GetValue(vocabulary));
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new { result.Folder, Class = result.Class.ToString(), result.NeedsTrust, result.Bytes }, SnakeCase)
                : $"{result.Folder}: {result.Class}ForMaskedLM, {result.Bytes / 1e6:0.0} MB{(result.NeedsTrust ? ", opens with trust_remote_code=True" : "")}");
            return Done;
        });
        var parsed = command.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            parsed.Invoke();
            return Usage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception problem) when (problem is ExportException or CorpusException or FileNotFoundException or DirectoryNotFoundException)
        {
            Console.Error.WriteLine(problem.Message);
            return Usage;
        }
        catch (Exception problem) when (problem is IOException or InvalidDataException or UnauthorizedAccessException or TorchLoadException or CheckpointsUnreadableException)
        {
            Console.Error.WriteLine(problem.Message);
            return Failed;
        }
    }

    private static ExportResult Export(string source, string target, string? home, string? vocabularyFile)
    {
        string folder = !Directory.Exists(source) && home is not null ? new HomeFolder(home).Run(source) : Path.GetFullPath(source);
        using var checkpoint = Open(folder);
        var (manifest, text) = (checkpoint.State.Manifest, checkpoint.State.RecipeJson);
        var loaded = RecipeLoader.Load(text, Path.Combine(checkpoint.Path, "recipe.json"), []);
        var recipe = loaded.Recipe ?? throw new ExportException(string.Join('\n', loaded.Problems));
        var card = new ModelCard(
            recipe.Name, TrainingHours: manifest.BudgetUsedSeconds / 3600, TokensSeen: manifest.TokensSeen, Exaflop: manifest.ExaflopUsed);
        return HuggingFaceExport.Write(target, ModelToExport.OfRun(recipe, Vocabulary(checkpoint, home, vocabularyFile), checkpoint.State.Weights, card));
    }

    private static LoadedCheckpoint Open(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"{folder}: no such folder. Name a run's folder or a checkpoint folder, or a run's id with --home DIR.");
        }

        if (File.Exists(Path.Combine(folder, "manifest.json")))
        {
            return CheckpointStore.Read(folder);
        }

        var store = new CheckpointStore(Path.Combine(folder, "checkpoints"), keep: 2);
        return store.TryLoadNewest(out _) ?? throw new ExportException($"{store.Folder}: holds no checkpoint yet. The first is written after checkpoints.interval_seconds.");
    }

    // A checkpoint lies in HOME/runs/ID/checkpoints/step-*, its corpus in HOME/corpora/DIGEST.
    private static IReadOnlyList<string> Vocabulary(LoadedCheckpoint checkpoint, string? home, string? file)
    {
        if (file is not null)
        {
            return File.ReadAllLines(file);
        }

        var root = new HomeFolder(home ?? Path.Combine(Path.GetFullPath(checkpoint.Path), "..", "..", "..", ".."));
        string digest = checkpoint.State.Manifest.CorpusDigest;
        if (digest.Length == 0 || !Directory.Exists(root.Corpus(digest)))
        {
            throw new ExportException($"{root.Corpora}: the corpus {digest} of this checkpoint is not there. Give its vocabulary with --vocabulary FILE, or its home with --home DIR.");
        }

        using var corpus = Corpus.Open(root.Corpus(digest), verify: false);
        return ((Model.Text.WordPieceEncoder)corpus.Encoder).Vocabulary;
    }
}
