using System.Text.Json;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Silo.Commands;

/// <summary>Rows of a study, wherever they came from, and the encoder that made them.</summary>
/// <param name="Training">Rows to train on.</param>
/// <param name="HeldOut">Rows of the held-out loss.</param>
/// <param name="Digest">Their identity.</param>
/// <param name="VocabularySize">Entries of the vocabulary (V).</param>
/// <param name="Vocabulary">Entries by id; null where a token file came without them.</param>
/// <param name="Manifest">What a prepared corpus holds; null for a token file.</param>
internal sealed record StudyCorpus(
    ITokenRows Training, ITokenRows HeldOut, string Digest, int VocabularySize, IReadOnlyList<string>? Vocabulary, CorpusManifest? Manifest);

/// <summary>Where a study's rows come from.</summary>
/// <param name="Folder">Folder of corpora.</param>
/// <param name="Prepared">One prepared corpus for all; null prepares what the recipes ask for.</param>
/// <param name="Tokens">One token file for all instead.</param>
/// <param name="Order">Row order of the token file.</param>
/// <param name="HeldOutRows">Rows at the front of the token file that are held out.</param>
/// <param name="VocabularyFile">Vocabulary of the token file; without it there is no fine-tuning.</param>
/// <param name="GlueFolder">GLUE, whose sentences are kept out of a corpus that is prepared.</param>
internal sealed record StudySources(string Folder, string? Prepared, string? Tokens, string? Order, int HeldOutRows, string? VocabularyFile, string? GlueFolder);

/// <summary>The corpora of a study's recipes: each is opened once, and mostly there is one.</summary>
internal sealed class StudyCorpora(StudySources sources, CancellationToken stop) : IDisposable
{
    private readonly Dictionary<string, StudyCorpus> _open = [];
    private readonly List<IDisposable> _owned = [];

    /// <summary>The corpus of a recipe; made first where it is not there.</summary>
    /// <exception cref="CorpusException">It cannot be made or does not fit.</exception>
    public StudyCorpus Of(Recipe recipe)
    {
        // A corpus that was named serves every recipe that it fits; what is prepared follows the recipe.
        string key = sources.Tokens is not null || sources.Prepared is not null
            ? $"{recipe.Corpus.SequenceLength} {recipe.Corpus.VocabularySize} {recipe.Corpus.Normalizer}"
            : JsonSerializer.Serialize(recipe.Corpus, RecipeJson.Options);
        if (!_open.TryGetValue(key, out var corpus))
        {
            corpus = sources.Tokens is { } tokens ? OpenTokens(tokens, recipe) : OpenCorpus(recipe);
            _open.Add(key, corpus);
        }

        return corpus;
    }

    /// <summary>Encodes text as a corpus was encoded.</summary>
    /// <exception cref="ArgumentException">It came without its vocabulary.</exception>
    public static ITextEncoder Encoder(StudyCorpus corpus, Recipe recipe) => corpus.Vocabulary is { } entries
        ? new WordPieceEncoder(entries, recipe.Corpus.Normalizer)
        : throw new ArgumentException("GLUE needs the vocabulary of the token file. Give it with --vocabulary vocab.txt, one entry a line.");

    public void Dispose() => _owned.ForEach(owned => owned.Dispose());

    private StudyCorpus OpenCorpus(Recipe recipe)
    {
        string folder = sources.Prepared ?? LocalCorpora.Prepare(recipe.Corpus, sources.Folder, sources.GlueFolder, stop);
        var corpus = Corpus.Open(folder, verify: false);
        _owned.Add(corpus);
        LocalCorpora.RequireFit(recipe, corpus);
        return new(corpus.Training, corpus.HeldOut, corpus.Manifest.Digest, corpus.Encoder.VocabularySize, corpus.Vocabulary, corpus.Manifest);
    }

    private StudyCorpus OpenTokens(string path, Recipe recipe)
    {
        int entries = recipe.Corpus.VocabularySize;
        var vocabulary = sources.VocabularyFile is { } file ? GivenVocabulary.Read(file, entries, "corpus.vocabulary_size", recipe.Corpus.Normalizer) : null;
        var rows = TokenFile.Open(path, recipe.Corpus.SequenceLength, entries, sources.HeldOutRows, sources.Order);
        _owned.Add(rows);
        return new(rows.Training, rows.HeldOut, rows.Digest, entries, vocabulary, null);
    }
}
