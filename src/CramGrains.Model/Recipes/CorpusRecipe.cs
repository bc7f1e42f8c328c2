using System.Text.Json.Serialization;

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
/// <param name="NearDuplicates">Leaves out documents that nearly repeat an earlier one; null keeps them.</param>
/// <param name="RepeatedText">Cuts out stretches of text that stand in the corpus before; null keeps them.</param>
/// <param name="PairFraction">Fraction of the rows cut inside documents that are pairs of consecutive segments, with <see cref="RowPacking.Framed"/>; null means none.</param>
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
    DecontaminationMode Decontamination = DecontaminationMode.Remove,
    NearDuplicateRecipe? NearDuplicates = null,
    RepeatedTextRecipe? RepeatedText = null,
    double? PairFraction = null)
{
    /// <summary>Rows begin with [CLS] and end with [SEP], as in fine-tuning.</summary>
    [JsonIgnore]
    public bool StartsWithClassify => Packing is RowPacking.WithinDocument or RowPacking.Framed;

    /// <summary>[CLS] and [SEP] are never masked. Older packings mask them like the reference, and go on doing so: what is masked is part of a run.</summary>
    [JsonIgnore]
    public bool MasksTextOnly => Packing == RowPacking.Framed;
}

/// <summary>One source of raw text. Files may be compressed (.gz, .zst, .bz2, .xz), whatever their kind but Parquet.</summary>
/// <param name="Kind">How <paramref name="Path"/> is read.</param>
/// <param name="Path">File, folder, pattern such as <c>wiki/**/*.jsonl.gz</c>, or HTTP(S) address; the name of the data set for <see cref="CorpusSourceKind.HuggingFace"/>; must be absent for <see cref="CorpusSourceKind.DotnetReference"/>.</param>
/// <param name="Weight">Relative weight in the mixture; 1 takes the source as it is.</param>
/// <param name="Field">Field or column that holds the text, for the kinds that have such; null means <c>text</c>.</param>
/// <param name="Sha256">Content that an HTTP(S) address must have, hexadecimal; null takes what comes.</param>
/// <param name="Config">Configuration of a data set of the hub, such as <c>wikitext-103-raw-v1</c>; null where it has one alone.</param>
/// <param name="Split">Split of a data set of the hub; null means <c>train</c>.</param>
public sealed record CorpusSource(
    CorpusSourceKind Kind,
    string? Path = null,
    double Weight = 1,
    string? Field = null,
    string? Sha256 = null,
    string? Config = null,
    string? Split = null)
{
    /// <summary>Whether <see cref="Path"/> is fetched over the network, and so names the same text on every machine.</summary>
    internal bool IsRemote => Kind == CorpusSourceKind.HuggingFace || IsAddress(Path);

    /// <summary>Whether a path is an HTTP(S) address.</summary>
    public static bool IsAddress(string? path) =>
        path is not null && (path.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || path.StartsWith("https://", StringComparison.OrdinalIgnoreCase));
}

/// <summary>Removal of documents that nearly repeat an earlier one, by MinHash of word shingles (Broder 1997).</summary>
/// <param name="Similarity">Estimated Jaccard similarity of the shingles from which a document goes, in [0.5, 1].</param>
/// <param name="ShingleWords">Words per shingle.</param>
public sealed record NearDuplicateRecipe(double Similarity = 0.8, int ShingleWords = 5);

/// <summary>Removal of repeated stretches of text (Lee et al. 2022, exact substrings); the first of them stays.</summary>
/// <param name="MinimumBytes">UTF-8 bytes from which a repeated stretch is cut; the reference tried 50, 75 and 100.</param>
public sealed record RepeatedTextRecipe(int MinimumBytes = 100);

/// <summary>Kinds of corpus source.</summary>
public enum CorpusSourceKind
{
    /// <summary>The English of the reference documentation in the installed .NET SDK (<c>packs/*/*/ref/*/*.xml</c>).</summary>
    DotnetReference = 1,

    /// <summary>UTF-8 text, one paragraph a line, a blank line between documents; a file, or a folder of <c>*.txt</c>.</summary>
    Text = 2,

    /// <summary>One JSON object a line, whose field <see cref="CorpusSource.Field"/> is a document (<c>*.jsonl</c>, <c>*.ndjson</c>, <c>*.json</c>).</summary>
    JsonLines = 3,

    /// <summary>Apache Parquet, whose column <see cref="CorpusSource.Field"/> holds documents (<c>*.parquet</c>).</summary>
    Parquet = 4,

    /// <summary>A dump of Wikipedia's articles (<c>*.xml</c>, mostly <c>.xml.bz2</c>); markup is removed, and each article is a document that begins with its title.</summary>
    Wikipedia = 5,

    /// <summary>A data set of the Hugging Face hub by name, such as <c>wikimedia/wikipedia</c>; its Parquet files are read.</summary>
    HuggingFace = 6,
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

    /// <summary>Full rows as fine-tuning has them, <c>[CLS] a [SEP]</c> or <c>[CLS] a [SEP] b [SEP]</c>, cut inside documents of a row or more; documents shorter
    /// than a row are joined with their neighbours, <c>[SEP]</c> after each. Nothing is padded, and only text is masked.</summary>
    Framed = 4,
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
