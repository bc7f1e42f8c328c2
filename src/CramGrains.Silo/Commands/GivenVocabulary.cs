using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Silo.Commands;

/// <summary>A vocabulary that a command line names, one entry a line, or that lies beside a run.</summary>
internal static class GivenVocabulary
{
    /// <summary>Reads it and holds it to what it belongs to: one of another length or order would encode text as ids of other words.</summary>
    /// <param name="path">The file.</param>
    /// <param name="entries">Entries that it must have.</param>
    /// <param name="because">What that number is, for people.</param>
    /// <param name="normalizer">The normaliser of its corpus.</param>
    /// <exception cref="CorpusException">It is not that vocabulary, or none.</exception>
    public static IReadOnlyList<string> Read(string path, long entries, string because, TextNormalizerKind normalizer)
    {
        string[] vocabulary = File.ReadAllLines(path);
        if (vocabulary.Length != entries)
        {
            throw new CorpusException($"{path}: {vocabulary.Length} entries, expected {because} = {entries}. Is it the vocabulary of these tokens? Empty lines count.");
        }

        try
        {
            return new WordPieceEncoder(vocabulary, normalizer).Vocabulary;
        }
        catch (ArgumentException problem)
        {
            throw new CorpusException($"{path}: {problem.Message}", problem);
        }
    }
}
