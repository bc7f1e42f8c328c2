using System.Text;
using CramGrains.Model.Data.Downloads;
using CramGrains.Model.Data.Duplicates;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Makes corpora, each once: the folder's name is the digest of the recipe (paths apart) and of the content of the sources.</summary>
public static class CorpusBuilder
{
    private const string DownloadsFolder = ".downloads";

    /// <summary>The content address of a corpus, lower-case hexadecimal; reads every source file once.</summary>
    /// <exception cref="CorpusException">A source is missing or empty.</exception>
    public static string Digest(CorpusRecipe recipe, CorpusOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        using var library = new RemoteFiles(options?.Downloads ?? new DownloadOptions(), null, cancellationToken);
        return CorpusIdentity.Of(recipe, SourceResolver.Resolve(recipe, options?.DotnetRoot, library), Index(recipe, options), _ => { }, cancellationToken).Digest;
    }

    /// <summary>The files of a source that lies on this machine, in reading order.</summary>
    /// <param name="source">Any kind but <c>dotnet-reference</c> and <c>hugging-face</c>, with a path that is no address.</param>
    /// <param name="index">Its place in the recipe, for messages.</param>
    /// <exception cref="CorpusException">There are none; the message says what was looked for.</exception>
    public static IReadOnlyList<string> LocalFiles(CorpusSource source, int index)
    {
        ArgumentNullException.ThrowIfNull(source);
        return SourceResolver.LocalFiles(source, index);
    }

    /// <summary>The folder of a corpus in a folder of corpora, made or not.</summary>
    public static string FolderOf(string corporaFolder, string digest) => Path.Combine(corporaFolder, digest);

    /// <summary>Prepares a corpus, or finds it prepared. Safe to call from several processes at once, and again after a crash.</summary>
    /// <param name="recipe">What to prepare.</param>
    /// <param name="corporaFolder">Where corpora lie; made when it is missing.</param>
    /// <param name="progress">Receives at most about four reports a second, on the calling thread.</param>
    /// <param name="cancellationToken">Stops the preparation; what is done of it is found by the next one.</param>
    /// <returns>The manifest; the corpus is in <see cref="FolderOf"/> its digest.</returns>
    /// <exception cref="CorpusException">A source cannot be used, the corpus is too small, or the folder cannot be written.</exception>
    public static CorpusManifest Prepare(
        CorpusRecipe recipe, string corporaFolder, IProgress<CorpusProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Prepare(recipe, corporaFolder, new CorpusOptions(), progress, cancellationToken);

    /// <summary>Prepares a corpus with settings for this machine.</summary>
    /// <inheritdoc cref="Prepare(CorpusRecipe, string, IProgress{CorpusProgress}?, CancellationToken)"/>
    public static CorpusManifest Prepare(
        CorpusRecipe recipe, string corporaFolder, CorpusOptions options, IProgress<CorpusProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentException.ThrowIfNullOrEmpty(corporaFolder);
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            using var library = new RemoteFiles(
                options.Downloads with { CacheFolder = options.Downloads.CacheFolder ?? Path.Combine(corporaFolder, DownloadsFolder) }, progress, cancellationToken);
            var files = SourceResolver.Resolve(recipe, options.DotnetRoot, library);
            var hashing = new ProgressMeter("hashing sources", files.Sum(file => file.Bytes), progress, options.Time);
            var contamination = Index(recipe, options);
            var identity = CorpusIdentity.Of(recipe, files, contamination, hashing.Add, cancellationToken);
            hashing.Complete();
            var folder = FolderOf(corporaFolder, identity.Digest);
            if (Finished(folder) is { } found)
            {
                return found;
            }

            Directory.CreateDirectory(corporaFolder);
            using var turn = CorpusLock.Acquire(folder + ".lock", () => progress?.Report(new CorpusProgress("waiting", 0, 0, 0)), cancellationToken);
            return Finished(folder) ?? Make(identity, contamination, folder, options, progress, cancellationToken);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException(
                $"Preparing a corpus under '{corporaFolder}' failed: {problem.Message} Check that sources can be read, that the folder can be "
                + "written and that its disk has room; preparing again goes on from what is done.", problem);
        }
    }

    private static ContaminationIndex? Index(CorpusRecipe recipe, CorpusOptions? options) =>
        options?.GlueFolder is { } folder && recipe.Decontamination != DecontaminationMode.Off ? ContaminationIndex.Read(folder) : null;

    private static CorpusManifest? Finished(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return null;
        }

        try
        {
            using var corpus = Corpus.Open(folder, verify: false);
            return corpus.Manifest;
        }
        catch (CorpusException)
        {
            // Torn or altered. It can be made again from its sources, so that is what happens.
            return null;
        }
    }

    private static CorpusManifest Make(
        CorpusIdentity identity, ContaminationIndex? contamination, string folder, CorpusOptions options, IProgress<CorpusProgress>? progress,
        CancellationToken cancellationToken)
    {
        var partial = folder + ".partial";
        Directory.CreateDirectory(partial);
        var recipe = identity.Recipe;
        var documents = new DocumentStream(recipe, identity.Files);
        DuplicateStage.Run(partial, recipe, documents, options, progress, cancellationToken);
        var vocabulary = VocabularyStage.Run(partial, recipe, documents, contamination, options, progress, cancellationToken);
        var encoding = new EncodingStage(recipe, new WordPieceEncoder(vocabulary, recipe.Normalizer), contamination, options);
        encoding.Run(partial, documents, progress, cancellationToken);
        var counts = encoding.Counts;
        CheckSize(counts, recipe);

        var meter = new ProgressMeter("ordering rows", (counts.TrainingRows + counts.HeldOutRows) * recipe.SequenceLength * encoding.TokenBytes, progress, options.Time);
        meter.Report(0);
        var shards = new List<CorpusFile>();
        using (var training = Spool(EncodingStage.TrainingSpool, counts.TrainingRows))
        using (var heldOut = Spool(EncodingStage.HeldOutSpool, counts.HeldOutRows))
        {
            var order = RowOrderer.Order(training, recipe.Ordering, vocabulary, counts.Tokens, partial, options.SortRecords);
            shards.AddRange(TokenShardWriter.Write(partial, CorpusPart.Training, training, order, encoding.TokenBytes, options.ShardBytes, Written));
            order = RowOrderer.Order(heldOut, RowOrdering.Source, vocabulary, counts.Tokens, partial);
            shards.AddRange(TokenShardWriter.Write(partial, CorpusPart.HeldOut, heldOut, order, encoding.TokenBytes, options.ShardBytes, Written));
        }

        meter.Complete();
        var manifest = new CorpusManifest(
            CorpusManifest.CurrentFormatVersion, identity.Digest, recipe, identity.Inputs, vocabulary.Count, counts.Source.Documents, counts.KeptDocuments,
            counts.HeldOutDocuments, counts.Characters, counts.TrainingRows * recipe.SequenceLength, counts.HeldOutRows * recipe.SequenceLength,
            counts.DroppedTokens, counts.UnknownTokens, encoding.TokenBytes, [VocabularyStage.Complete(partial), .. shards], "",
            encoding.Contamination, counts.DocumentTokens.Percentiles(), counts.Filtered, documents.Duplicates?.Counts, counts.Compressibility, counts.TextTokens).Sealed();
        Publish(partial, folder, manifest);
        return manifest;

        TokenSpool Spool(string name, long rows) => new(Path.Combine(partial, name), encoding.TokenBytes, recipe.SequenceLength, rows);

        void Written(long bytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            meter.Add(bytes);
        }
    }

    private static void CheckSize(EncodingCounts counts, CorpusRecipe recipe)
    {
        if (counts.TrainingRows == 0)
        {
            throw new CorpusException(
                $"The corpus is too small: {counts.KeptDocuments} of {counts.Source.Documents} documents were kept for training and fill no row of "
                + $"{recipe.SequenceLength} tokens. {Removed(counts)}Add text, loosen the filters, or use a smaller corpus.sequence_length.");
        }

        if (counts.HeldOutRows == 0)
        {
            throw new CorpusException(
                $"The corpus has no held-out row: corpus.held_out_fraction {recipe.HeldOutFraction} keeps {counts.HeldOutDocuments} of {counts.Source.Documents} documents "
                + $"out of training, which fill no row of {recipe.SequenceLength} tokens. {Removed(counts)}Use a larger fraction (at most 0.5), looser filters or more documents; "
                + "documents in text files are separated by blank lines.");
        }
    }

    /// <summary>Which filters took how many documents, as a sentence; empty where none did.</summary>
    private static string Removed(EncodingCounts counts)
    {
        var f = counts.Filtered;
        string[] by =
        [
            .. new (string Filter, long Documents)[]
            {
                ("corpus.minimum_document_characters", f.TooShort), ("weights", f.ByWeight), ("corpus.near_duplicates", f.NearDuplicates), ("corpus.repeated_text", f.RepeatedText),
                ("decontamination", f.Contaminated), ("having no text", f.NoText), ("corpus.trash_cutoff", f.Trash),
            }.Where(taken => taken.Documents > 0).Select(taken => $"{taken.Documents} by {taken.Filter}"),
        ];
        return by.Length == 0 ? "" : $"Left out: {string.Join(", ", by)}. ";
    }

    /// <summary>Makes the corpus visible under its name in one step, once all of it is on the disk.</summary>
    private static void Publish(string partial, string folder, CorpusManifest manifest)
    {
        // The folder may also hold what an interrupted preparation with other shard sizes left.
        foreach (var path in Directory.EnumerateFiles(partial).Where(path => manifest.Files.All(file => file.Name != Path.GetFileName(path))).ToList())
        {
            File.Delete(path);
        }

        using (var file = new FileStream(Path.Combine(partial, CorpusManifest.FileName), FileMode.Create, FileAccess.Write))
        {
            file.Write(Encoding.UTF8.GetBytes(manifest.ToJson()));
            file.Flush(flushToDisk: true);
        }

        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true); // Torn, or it would have been found.
        }

        Directory.Move(partial, folder);
    }
}
