using System.Collections.Concurrent;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Text;

/// <summary>Encodes text with a WordPiece vocabulary: normaliser, word splitter, a cache of the words met so far, and for new ones the longest match.</summary>
/// <remarks>
/// Greedy longest match first, as everywhere; a word with a part that matches nothing, or of more than 100 characters, is one [UNK]. Ids equal
/// those of Hugging Face's <c>WordPiece</c> with the same vocabulary.
/// </remarks>
public sealed class WordPieceEncoder : ITextEncoder
{
    internal const int MaximumWordCharacters = 100;

    private readonly TextNormalizerKind _normalizer;
    private readonly PieceMatcher _pieces;
    private readonly ConcurrentBag<EncodingSession> _idle = [];

    /// <summary>Makes an encoder.</summary>
    /// <param name="vocabulary">Entries by id, each on its own line in a vocab.txt; starts with <see cref="SpecialTokens.Names"/>.</param>
    /// <param name="normalizer">Normalisation of the text, which also decides how words are split.</param>
    /// <exception cref="ArgumentException">The vocabulary lacks the special tokens at their ids or holds an entry twice.</exception>
    public WordPieceEncoder(IReadOnlyList<string> vocabulary, TextNormalizerKind normalizer)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        if (!vocabulary.Take(SpecialTokens.Names.Count).SequenceEqual(SpecialTokens.Names))
        {
            throw new ArgumentException(
                $"A vocabulary must start with {string.Join(' ', SpecialTokens.Names)}; this one starts with "
                + $"{string.Join(' ', vocabulary.Take(SpecialTokens.Names.Count))}.", nameof(vocabulary));
        }

        if (vocabulary.GroupBy(token => token, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"The vocabulary holds '{twice.Key}' twice.", nameof(vocabulary));
        }

        Vocabulary = vocabulary;
        _normalizer = normalizer;
        _pieces = new PieceMatcher(vocabulary);
    }

    /// <summary>The entries by id.</summary>
    public IReadOnlyList<string> Vocabulary { get; }

    /// <inheritdoc/>
    public int VocabularySize => Vocabulary.Count;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 4);
        var session = Rent();
        session.Encode(text, ids);
        Return(session);
        return ids;
    }

    /// <summary>Takes a session for the caller's thread alone; give it back with <see cref="Return"/> so that its cache lives on.</summary>
    /// <summary>Normalisation of the text.</summary>
    internal TextNormalizerKind Normalizer => _normalizer;

    internal EncodingSession Rent() => _idle.TryTake(out var session) ? session : new EncodingSession(_normalizer, _pieces);

    internal void Return(EncodingSession session) => _idle.Add(session);
}
