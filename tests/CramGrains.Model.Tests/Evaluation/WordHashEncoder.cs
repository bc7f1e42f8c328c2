using CramGrains.Model.Text;

namespace CramGrains.Model.Tests.Evaluation;

/// <summary>One id per word, by a hash that does not change between processes.</summary>
internal sealed class WordHashEncoder(int vocabularySize = 512) : ITextEncoder
{
    public int VocabularySize => vocabularySize;

    public IReadOnlyList<int> Encode(string text) =>
        [.. text.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(word => SpecialTokens.FirstWord + (int)(Hash(word) % (uint)(vocabularySize - SpecialTokens.FirstWord)))];

    private static uint Hash(string word) => word.Aggregate(2166136261u, (hash, letter) => (hash ^ letter) * 16777619u); // FNV-1a
}
