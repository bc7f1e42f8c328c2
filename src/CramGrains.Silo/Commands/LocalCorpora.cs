using System.CommandLine;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker.Jobs;

namespace CramGrains.Silo.Commands;

/// <summary>The corpora of commands that need no cluster: found by digest or folder, or prepared.</summary>
internal static class LocalCorpora
{
    /// <summary>The option that names their folder.</summary>
    public static Option<string?> Option() => new("--corpora") { Description = "Folder of corpora; 'corpora' in CRAM_HOME, or in ~/.cramgrains, unless given." };

    /// <summary>The option that names the folder of compiled kernels.</summary>
    public static Option<string?> CacheOption() => new("--cache") { Description = "Folder for compiled kernels of the fast engine; 'kernels' beside the corpora unless given." };

    /// <summary>Where they lie.</summary>
    public static string Folder(string? given) => given ?? new HomeFolder(Home()).Corpora;

    /// <summary>This user's home folder of CramGrains, unless a command is told of another.</summary>
    public static string Home() => Environment.GetEnvironmentVariable("CRAM_HOME") is { Length: > 0 } set
        ? set : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cramgrains");

    /// <summary>Where compiled kernels lie.</summary>
    public static string Cache(string? given, string corpora) => given ?? Path.Combine(corpora, "..", "kernels");

    /// <summary>The prepared corpus that a command line names, by folder or by the beginning of its digest; null where it names text.</summary>
    /// <exception cref="CorpusException">It looks like a digest and names none, or several.</exception>
    public static string? Find(string name, string corpora)
    {
        if (File.Exists(Path.Combine(name, CorpusManifest.FileName)))
        {
            return Path.GetFullPath(name);
        }

        return Path.Exists(name) || !Directory.Exists(corpora) || name.Length == 0 || !name.All(char.IsAsciiHexDigit)
            ? null
            : Directory.EnumerateDirectories(corpora, name + "*").Where(path => File.Exists(Path.Combine(path, CorpusManifest.FileName))).ToList() is [var only]
                ? only
                : throw new CorpusException($"'{name}' is no file or folder and does not name exactly one corpus in '{corpora}'. 'cram data ls' lists them.");
    }

    /// <summary>Sources as a recipe takes them from a command line.</summary>
    /// <exception cref="ArgumentException">One is empty, as an unset variable of a shell leaves it.</exception>
    public static IReadOnlyList<string> Paths(IEnumerable<string> sources) =>
    [
        .. sources.Select(given => given.Length == 0 ? throw new ArgumentException("--corpus is empty. Give a prepared corpus, text files or folders.")
            : CorpusSource.IsAddress(given) ? given : Path.GetFullPath(given)),
    ];

    /// <summary>Makes a corpus, or finds it made.</summary>
    /// <returns>Its folder.</returns>
    public static string Prepare(CorpusRecipe recipe, string corpora, string? glueFolder, CancellationToken stop)
    {
        var options = new CorpusOptions { GlueFolder = glueFolder, Downloads = DownloadSettings.FromEnvironment() };
        return CorpusBuilder.FolderOf(corpora, CorpusBuilder.Prepare(recipe, corpora, options, new DirectProgress<CorpusProgress>(Show), stop).Digest);
    }

    /// <summary>Refuses a corpus whose rows or vocabulary are not what a recipe trains on.</summary>
    /// <exception cref="CorpusException">It does not fit.</exception>
    public static void RequireFit(Recipe recipe, Corpus corpus)
    {
        var made = corpus.Manifest.Recipe;
        if (made.SequenceLength != recipe.Corpus.SequenceLength || corpus.Encoder.VocabularySize != recipe.Corpus.VocabularySize || made.Normalizer != recipe.Corpus.Normalizer)
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
}
