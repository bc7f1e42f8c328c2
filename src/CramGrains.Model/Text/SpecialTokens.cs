namespace CramGrains.Model.Text;

/// <summary>The five special tokens and their fixed ids; every vocabulary starts with them, in this order.</summary>
public static class SpecialTokens
{
    /// <summary>Padding, id 0; its embedding stays zero.</summary>
    public const int Pad = 0;

    /// <summary>Unknown word, id 1.</summary>
    public const int Unknown = 1;

    /// <summary>Start of an input, id 2.</summary>
    public const int Classify = 2;

    /// <summary>End of a document or sentence, id 3.</summary>
    public const int Separator = 3;

    /// <summary>Masked position, id 4.</summary>
    public const int Mask = 4;

    /// <summary>The first id that is a piece of text; random replacements are drawn from here on.</summary>
    public const int FirstWord = 5;

    /// <summary>Whether a token frames text and is none: [PAD], [CLS] or [SEP].</summary>
    public static bool IsFrame(int id) => id is Pad or Classify or Separator;

    /// <summary>How many tokens of a row frame its text.</summary>
    public static int CountFrame(ReadOnlySpan<int> row) => row.Count(Pad) + row.Count(Classify) + row.Count(Separator);

    /// <summary>The tokens as they stand in the vocabulary, by id.</summary>
    public static IReadOnlyList<string> Names { get; } = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
}
