using System.Text.RegularExpressions;
using CramGrains.Model.Text;
using Microsoft.ML.Tokenizers;

namespace CramGrains.Model.Export;

/// <summary>Byte-level BPE as GPT-2 and RoBERTa have it: nothing is normalised, and no text is unknown. Thread-safe.</summary>
internal sealed partial class ByteLevelEncoder : ITextEncoder
{
    private readonly BpeTokenizer _tokenizer;
    private readonly bool _addPrefixSpace;

    /// <param name="vocabulary">Entries by id.</param>
    /// <param name="merges">Pairs in the order of their rank.</param>
    /// <param name="addPrefixSpace">Whether text that does not start with white space is given a space.</param>
    public ByteLevelEncoder(IReadOnlyList<string> vocabulary, IEnumerable<string[]> merges, bool addPrefixSpace)
    {
        VocabularySize = vocabulary.Count;
        _addPrefixSpace = addPrefixSpace;
        _tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary.Index().Select(entry => KeyValuePair.Create(entry.Item, entry.Index)))
        {
            Merges = merges.Select(pair => $"{pair[0]} {pair[1]}"),
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(Words(), null),
        });
    }

    public int VocabularySize { get; }

    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _tokenizer.EncodeToIds(_addPrefixSpace && text.Length > 0 && !char.IsWhiteSpace(text[0]) ? " " + text : text);
    }

    // GPT-2's: contractions, then runs of letters, of digits and of the rest, each with one leading space.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
