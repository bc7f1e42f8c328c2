using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Trains the vocabulary of a corpus on its training documents, or finds the one that an interrupted preparation left.</summary>
internal static class VocabularyStage
{
    private const string SealName = CorpusManifest.VocabularyFileName + ".sha256";

    public static IReadOnlyList<string> Run(
        string folder, CorpusRecipe recipe, DocumentStream documents, ContaminationIndex? contamination, CorpusOptions options, IProgress<CorpusProgress>? progress,
        CancellationToken cancellationToken)
    {
        var path = Path.Combine(folder, CorpusManifest.VocabularyFileName);
        var seal = Path.Combine(folder, SealName);
        if (File.Exists(path) && File.Exists(seal) && File.ReadAllText(seal) == Sha256Of(path))
        {
            return File.ReadAllLines(path);
        }

        using var words = new WordCounts(recipe.Normalizer, folder, options);
        var counts = CountWords(words, recipe, documents, contamination, options, progress, cancellationToken);
        var meter = new ProgressMeter("training vocabulary", 0, progress, options.Time);
        meter.Report(0);
        var vocabulary = WordPieceTrainer.Train(counts, recipe.VocabularySize, new Relay(meter), cancellationToken);
        meter.Complete();
        Check(vocabulary, recipe, counts.Count);
        using (var file = new FileStream(path, FileMode.Create, FileAccess.Write))
        {
            file.Write(Encoding.UTF8.GetBytes(string.Join('\n', vocabulary) + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.WriteAllText(seal, Sha256Of(path));
        return vocabulary;
    }

    /// <summary>Describes the vocabulary for the manifest and takes the seal away.</summary>
    public static CorpusFile Complete(string folder)
    {
        File.Delete(Path.Combine(folder, SealName));
        var path = Path.Combine(folder, CorpusManifest.VocabularyFileName);
        return new CorpusFile(CorpusManifest.VocabularyFileName, CorpusPart.Vocabulary, 0, new FileInfo(path).Length, Sha256Of(path));
    }

    private static IReadOnlyDictionary<string, long> CountWords(
        WordCounts words, CorpusRecipe recipe, DocumentStream documents, ContaminationIndex? contamination, CorpusOptions options, IProgress<CorpusProgress>? progress,
        CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter("counting words", documents.Bytes, progress, options.Time);
        var batches = OrderedParallel.Select(documents.Read(meter.Add), Count, options.Threads, cancellationToken);
        var trained = batches.Sum();
        if (trained == 0)
        {
            throw new CorpusException(
                $"The corpus leaves no document to train on: {documents.Documents} were read. Check corpus.minimum_document_characters "
                + $"({recipe.MinimumDocumentCharacters}), and that documents are separated by blank lines.");
        }

        var counts = words.Complete();
        meter.Complete();
        return counts;

        long Count(DocumentBatch batch)
        {
            var counter = words.Rent();
            var counted = 0L;
            var folded = new ContaminationIndex.FoldedText();
            foreach (var document in batch.Documents.Where(document => !document.IsHeldOut))
            {
                if (recipe.Decontamination == DecontaminationMode.Remove && contamination?.Find(document.Text, folded) is > 0)
                {
                    continue;
                }

                for (var copy = 0; copy < document.Copies; copy++)
                {
                    counter.Add(document.Text);
                    counted++;
                }
            }

            words.Return(counter);
            return counted;
        }
    }

    private static void Check(IReadOnlyList<string> vocabulary, CorpusRecipe recipe, int distinctWords)
    {
        if (vocabulary.Count < recipe.VocabularySize)
        {
            throw new CorpusException(
                $"corpus.vocabulary_size is {recipe.VocabularySize}, but the corpus has only {distinctWords} distinct words, which fill "
                + $"{vocabulary.Count} entries. Use {vocabulary.Count} or fewer, or more text.");
        }

        if (vocabulary.Count > recipe.VocabularySize)
        {
            throw new CorpusException(
                $"corpus.vocabulary_size is {recipe.VocabularySize}, but the special tokens and the single characters of the corpus alone take "
                + $"{vocabulary.Count} entries. Use more, or the 'crammed' normalizer, which leaves few characters.");
        }
    }

    private static string Sha256Of(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private sealed class Relay(ProgressMeter meter) : IProgress<double>
    {
        public void Report(double value) => meter.Report(value);
    }
}
