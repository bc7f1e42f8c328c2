namespace CramGrains.Model.Recipes;

/// <summary>What text is read, how it is normalised, tokenised and cut into rows. Its canonical JSON plus the content of the sources names the corpus.</summary>
/// <param name="Sources">Where the text comes from, at least one.</param>
/// <param name="Normalizer">Text normalisation before WordPiece.</param>
/// <param name="VocabularySize">Entries of the WordPiece vocabulary, the five special tokens included.</param>
/// <param name="SequenceLength">Tokens per row (S).</param>
/// <param name="HeldOutFraction">Fraction of documents kept out of training, in (0, 0.5].</param>
/// <param name="MinimumDocumentCharacters">Documents with fewer characters are dropped.</param>
/// <param name="MaximumDocuments">Reads no more documents than this; null reads all.</param>
/// <param name="TrashCutoff">Drops a document unless its tokens are fewer than this fraction of its characters (the paper's incompressibility filter); null keeps all.</param>
/// <param name="Ordering">Order of the training rows.</param>
/// <param name="Packing">How documents are cut into rows.</param>
/// <param name="Decontamination">What happens to documents that hold GLUE sentences, where the GLUE files are given.</param>
public sealed record CorpusRecipe(
    IReadOnlyList<CorpusSource> Sources,
    TextNormalizerKind Normalizer,
    int VocabularySize,
    int SequenceLength,
    double HeldOutFraction,
    int MinimumDocumentCharacters = 0,
    long? MaximumDocuments = null,
    double? TrashCutoff = null,
    RowOrdering Ordering = RowOrdering.Randomized,
    RowPacking Packing = RowPacking.Continuous,
    DecontaminationMode Decontamination = DecontaminationMode.Remove);

/// <summary>One source of raw text.</summary>
/// <param name="Kind">How <paramref name="Path"/> is read.</param>
/// <param name="Path">File or folder; must be absent for <see cref="CorpusSourceKind.DotnetReference"/>.</param>
/// <param name="Weight">Relative weight in the mixture; 1 takes the source as it is.</param>
public sealed record CorpusSource(CorpusSourceKind Kind, string? Path = null, double Weight = 1);

/// <summary>Kinds of corpus source.</summary>
public enum CorpusSourceKind
{
    /// <summary>The English of the reference documentation in the installed .NET SDK (<c>packs/*/*/ref/*/*.xml</c>).</summary>
    DotnetReference = 1,

    /// <summary>UTF-8 text, one paragraph a line, a blank line between documents; a file, or a folder of <c>*.txt</c>.</summary>
    Text = 2,
}

/// <summary>Normalisations of raw text.</summary>
public enum TextNormalizerKind
{
    /// <summary>The paper's: quotes unified, NFD, lower case, accents stripped, spaces collapsed, characters outside ASCII removed.</summary>
    Crammed = 1,

    /// <summary>BERT's uncased normaliser: control characters removed, lower case, accents stripped, CJK spaced.</summary>
    Bert = 2,

    /// <summary>None.</summary>
    None = 3,
}

/// <summary>Orders of the training rows (paper section 4.4, with the reference's names).</summary>
public enum RowOrdering
{
    /// <summary>A seeded permutation.</summary>
    Randomized = 1,

    /// <summary>As read.</summary>
    Source = 2,

    /// <summary>Descending count of full stops: short sentences first.</summary>
    SentenceLength = 3,

    /// <summary>Descending count of separators: many short documents first.</summary>
    Fragment = 4,

    /// <summary>Ascending length of the decoded row.</summary>
    WordLength = 5,

    /// <summary>Ascending mean log2 unigram probability, least likely first.</summary>
    Unigram = 6,

    /// <summary>Descending mean log2 unigram probability, most likely first: what the paper's text describes.</summary>
    ReverseUnigram = 7,
}

/// <summary>Ways to cut documents into rows of S tokens.</summary>
public enum RowPacking
{
    /// <summary>Documents joined by [SEP] and cut every S tokens; the last incomplete row is dropped.</summary>
    Continuous = 1,

    /// <summary>As the reference: the remainder of every group of 1,024 documents is dropped.</summary>
    ReferenceGroups = 2,

    /// <summary>Rows start with [CLS], end with [SEP] and never cross a document; short tails are padded or dropped.</summary>
    WithinDocument = 3,
}

/// <summary>What happens to documents that hold sentences of GLUE.</summary>
public enum DecontaminationMode
{
    /// <summary>They are left out, and counted by task.</summary>
    Remove = 1,

    /// <summary>They are counted by task and kept, as the reference keeps them.</summary>
    Report = 2,

    /// <summary>They are not looked for.</summary>
    Off = 3,
}
