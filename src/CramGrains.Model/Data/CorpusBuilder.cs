using System.Text;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Makes corpora, each once: the folder's name is the digest of the recipe (paths apart) and of the content of the sources.</summary>
public static class CorpusBuilder
{
    /// <summary>The content address of a corpus, lower-case hexadecimal; reads every source file once.</summary>
    /// <exception cref="CorpusException">A source is missing or empty.</exception>
    public static string Digest(CorpusRecipe recipe, CorpusOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        return CorpusIdentity.Of(recipe, SourceResolver.Resolve(recipe, options?.DotnetRoot), _ => { }, cancellationToken).Digest;
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
            var files = SourceResolver.Resolve(recipe, options.DotnetRoot);
            var hashing = new ProgressMeter("hashing sources", files.Sum(file => file.Bytes), progress, options.Time);
            var identity = CorpusIdentity.Of(recipe, files, hashing.Add, cancellationToken);
            hashing.Complete();
            var folder = FolderOf(corporaFolder, identity.Digest);
            if (Finished(folder) is { } found)
            {
                return found;
            }

            Directory.CreateDirectory(corporaFolder);
            using var turn = CorpusLock.Acquire(folder + ".lock", () => progress?.Report(new CorpusProgress("waiting", 0, 0, 0)), cancellationToken);
            return Finished(folder) ?? Make(identity, folder, options, progress, cancellationToken);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException(
                $"Preparing a corpus under '{corporaFolder}' failed: {problem.Message} Check that sources can be read, that the folder can be "
                + "written and that its disk has room; preparing again goes on from what is done.", problem);
        }
    }

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
        CorpusIdentity identity, string folder, CorpusOptions options, IProgress<CorpusProgress>? progress, CancellationToken cancellationToken)
    {
        var partial = folder + ".partial";
        Directory.CreateDirectory(partial);
        var recipe = identity.Recipe;
        var documents = new DocumentStream(recipe, identity.Files);
        var vocabulary = VocabularyStage.Run(partial, recipe, documents, options, progress, cancellationToken);
        var encoding = new EncodingStage(recipe, new WordPieceEncoder(vocabulary, recipe.Normalizer), options);
        encoding.Run(partial, documents, progress, cancellationToken);
        CheckSize(encoding, recipe, documents.Documents);

        var meter = new ProgressMeter("ordering rows", (encoding.TrainingRows + encoding.HeldOutRows) * recipe.SequenceLength * encoding.TokenBytes, progress, options.Time);
        var shards = new List<CorpusFile>();
        using (var training = Spool(EncodingStage.TrainingSpool, encoding.TrainingRows))
        using (var heldOut = Spool(EncodingStage.HeldOutSpool, encoding.HeldOutRows))
        {
            var order = RowOrderer.Order(training, recipe.Ordering, vocabulary, encoding.TokenCounts);
            shards.AddRange(TokenShardWriter.Write(partial, CorpusPart.Training, training, order, encoding.TokenBytes, options.ShardBytes, Written));
            order = RowOrderer.Order(heldOut, RowOrdering.Source, vocabulary, encoding.TokenCounts);
            shards.AddRange(TokenShardWriter.Write(partial, CorpusPart.HeldOut, heldOut, order, encoding.TokenBytes, options.ShardBytes, Written));
        }

        meter.Complete();
        var manifest = new CorpusManifest(
            CorpusManifest.CurrentFormatVersion, identity.Digest, recipe, identity.Inputs, vocabulary.Count, documents.Documents, encoding.KeptDocuments,
            encoding.HeldOutDocuments, encoding.Characters, encoding.TrainingRows * recipe.SequenceLength, encoding.HeldOutRows * recipe.SequenceLength,
            encoding.DroppedTokens, encoding.UnknownTokens, encoding.TokenBytes, [VocabularyStage.Complete(partial), .. shards], "").Sealed();
        Publish(partial, folder, manifest);
        return manifest;

        MappedTokenFile Spool(string name, long rows) => new(Path.Combine(partial, name), encoding.TokenBytes, recipe.SequenceLength, rows, 0);

        void Written(long bytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            meter.Add(bytes);
        }
    }

    private static void CheckSize(EncodingStage encoding, CorpusRecipe recipe, long documents)
    {
        if (encoding.TrainingRows == 0)
        {
            throw new CorpusException(
                $"The corpus is too small: {encoding.KeptDocuments} of {documents} documents were kept for training and fill no row of "
                + $"{recipe.SequenceLength} tokens. Add text, loosen the filters, or use a smaller corpus.sequence_length.");
        }

        if (encoding.HeldOutRows == 0)
        {
            throw new CorpusException(
                $"The corpus has no held-out row: corpus.held_out_fraction {recipe.HeldOutFraction} keeps {encoding.HeldOutDocuments} of {documents} documents "
                + $"out of training, which fill no row of {recipe.SequenceLength} tokens. Use a larger fraction (at most 0.5) or more documents; "
                + "documents in text files are separated by blank lines.");
        }
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
