namespace CramGrains.Model.Text;

/// <summary>Turns text into WordPiece ids, normalisation included. Thread-safe.</summary>
public interface ITextEncoder
{
    /// <summary>Entries of the vocabulary.</summary>
    int VocabularySize { get; }

    /// <summary>Encodes one text without adding special tokens.</summary>
    /// <param name="text">Any text; empty gives no ids.</param>
    /// <returns>Ids in [0, VocabularySize).</returns>
    IReadOnlyList<int> Encode(string text);
}
