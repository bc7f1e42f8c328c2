using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Export;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Commands;

/// <summary>The newest checkpoint of a run on this machine, with the vocabulary of its corpus.</summary>
/// <param name="Checkpoint">The checkpoint.</param>
/// <param name="Recipe">The run's recipe.</param>
/// <param name="Vocabulary">Entries by id.</param>
/// <param name="RunFolder">The run's folder; null where one checkpoint folder was named.</param>
/// <param name="Corpus">What the corpus holds; null where it is not on this machine.</param>
internal sealed record RunCheckpoint(
    LoadedCheckpoint Checkpoint, Recipe Recipe, IReadOnlyList<string> Vocabulary, string? RunFolder, CorpusManifest? Corpus) : IDisposable
{
    private const string Latest = "latest";

    /// <summary>Name of the vocabulary in a run's folder, where it was trained without a cluster.</summary>
    public const string VocabularyFile = "vocab.txt";

    /// <summary>Name of the corpus' manifest there.</summary>
    public const string CorpusFile = "corpus.json";

    /// <summary>Whether a folder is a run's or a checkpoint's.</summary>
    public static bool IsAt(string folder) =>
        File.Exists(Path.Combine(folder, "manifest.json")) || Directory.Exists(Path.Combine(folder, "checkpoints"));

    /// <summary>The folder that a command line names: a path, or a run's id or <c>latest</c> in a home.</summary>
    /// <param name="source">What was named.</param>
    /// <param name="home">The home; CRAM_HOME or ~/.cramgrains unless given.</param>
    public static string FolderOf(string source, string? home)
    {
        if (Directory.Exists(source))
        {
            return Path.GetFullPath(source);
        }

        var place = new HomeFolder(home ?? (Environment.GetEnvironmentVariable("CRAM_HOME") is { Length: > 0 } given
            ? given
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cramgrains")));
        string runs = Path.GetDirectoryName(place.Run("any"))!;
        string? newest = source == Latest && Directory.Exists(runs) ? Directory.EnumerateDirectories(runs).Max(StringComparer.Ordinal) : null; // ids begin with their time
        string run = newest ?? place.Run(source);
        return Directory.Exists(run)
            ? run
            : throw new DirectoryNotFoundException($"{source}: no such folder, and no run of that id in {runs}. Name a run's folder, a checkpoint folder, or a run's id with --home DIR.");
    }

    /// <summary>Opens it.</summary>
    /// <param name="source">A run's folder, a checkpoint folder, or a run's id with its home.</param>
    /// <param name="home">Home folder of the silo that ran it; found from the run's folder unless given.</param>
    /// <param name="vocabularyFile">The vocabulary, where the corpus is not on this machine.</param>
    /// <exception cref="ExportException">There is no checkpoint or no vocabulary.</exception>
    public static RunCheckpoint Open(string source, string? home, string? vocabularyFile)
    {
        string folder = FolderOf(source, home);
        var checkpoint = Load(folder);
        try
        {
            var loaded = RecipeLoader.Load(checkpoint.State.RecipeJson, Path.Combine(checkpoint.Path, "recipe.json"), []);
            var recipe = loaded.Recipe ?? throw new ExportException(string.Join('\n', loaded.Problems));
            // A checkpoint lies in RUN/checkpoints/step-*.
            string run = Path.GetFullPath(Path.Combine(checkpoint.Path, "..", ".."));
            var (vocabulary, corpus) = FindVocabulary(checkpoint, recipe, run, home, vocabularyFile);
            return new(checkpoint, recipe, vocabulary, Directory.Exists(Path.Combine(run, "checkpoints")) ? run : null, corpus);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Writes beside a run what it needs of its corpus, each file whole or not at all: a run that is killed here has checkpoints already.</summary>
    /// <param name="run">The run's folder.</param>
    /// <param name="vocabulary">Entries by id; null where they are not known.</param>
    /// <param name="manifest">The corpus' manifest as text; null where there is none.</param>
    public static void WriteCorpus(string run, IReadOnlyList<string>? vocabulary, string? manifest)
    {
        if (vocabulary is not null)
        {
            AtomicFile.WriteText(Path.Combine(run, VocabularyFile), string.Join('\n', vocabulary) + "\n");
        }

        if (manifest is not null)
        {
            AtomicFile.WriteText(Path.Combine(run, CorpusFile), manifest);
        }
    }

    public void Dispose() => Checkpoint.Dispose();

    private static LoadedCheckpoint Load(string folder)
    {
        if (File.Exists(Path.Combine(folder, "manifest.json")))
        {
            return CheckpointStore.Read(folder);
        }

        var store = new CheckpointStore(Path.Combine(folder, "checkpoints"), keep: 2);
        if (!Directory.Exists(store.Folder) && !File.Exists(Path.Combine(folder, "recipe.json")))
        {
            throw new ExportException($"{folder}: is no run and no checkpoint: it holds neither checkpoints/ and recipe.json nor manifest.json.");
        }

        return store.TryLoadNewest(out _) ?? throw new ExportException($"{store.Folder}: holds no checkpoint yet. The first is written after checkpoints.interval_seconds.");
    }

    // Beside the run where it was trained without a cluster; else in its home: HOME/runs/ID, HOME/corpora/DIGEST.
    private static (IReadOnlyList<string>, CorpusManifest?) FindVocabulary(LoadedCheckpoint checkpoint, Recipe recipe, string run, string? home, string? file)
    {
        var corpora = new HomeFolder(home ?? Path.Combine(run, "..", ".."));
        string digest = checkpoint.State.Manifest.CorpusDigest;
        bool atHome = digest.Length > 0 && Directory.Exists(corpora.Corpus(digest));
        string beside = Path.Combine(run, VocabularyFile), manifest = Path.Combine(run, CorpusFile);
        var corpus = atHome ? CorpusManifest.Read(corpora.Corpus(digest)) : File.Exists(manifest) ? LocalCorpus(manifest) : null;
        if ((file ?? (File.Exists(beside) ? beside : null)) is { } path)
        {
            return (GivenVocabulary.Read(path, checkpoint.State.Weights["word.weight"].shape[0], "the rows of the model's word embedding", recipe.Corpus.Normalizer), corpus);
        }

        if (!atHome)
        {
            throw new ExportException($"{corpora.Corpora}: the corpus {digest} of this checkpoint is not there. Give its vocabulary with --vocabulary FILE, or its home with --home DIR.");
        }

        using var open = Model.Data.Corpus.Open(corpora.Corpus(digest), verify: false);
        return (open.Vocabulary, corpus);
    }

    private static CorpusManifest? LocalCorpus(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<CorpusManifest>(File.ReadAllText(path), RecipeJson.Options);
        }
        catch (JsonException problem)
        {
            throw new ExportException($"{path}: torn or altered: {problem.Message} The command that trained the run writes it anew; without the file nothing is known of the corpus, and the rest is exported.", problem);
        }
    }
}
