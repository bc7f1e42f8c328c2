using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CramGrains.Model.Data.Duplicates;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data;

/// <summary>What a prepared corpus holds; <c>manifest.json</c> in its folder, written last. The same sources and recipe give the same manifest, byte by byte.</summary>
/// <param name="FormatVersion">Version of the folder's layout.</param>
/// <param name="Digest">Content address: the name of the folder.</param>
/// <param name="Recipe">The recipe, paths left out.</param>
/// <param name="Inputs">The source files, in reading order.</param>
/// <param name="VocabularySize">Entries of the vocabulary.</param>
/// <param name="Documents">Documents read.</param>
/// <param name="KeptDocuments">Documents that passed all filters and took part in training.</param>
/// <param name="HeldOutDocuments">Documents that passed all filters and were kept out of training.</param>
/// <param name="Characters">UTF-16 units of text in the documents kept, once each.</param>
/// <param name="TrainingTokens">Tokens in the training rows.</param>
/// <param name="HeldOutTokens">Tokens in the held-out rows.</param>
/// <param name="DroppedTokens">Tokens of kept documents that fill no row.</param>
/// <param name="UnknownTokens">[UNK] among the tokens of kept documents.</param>
/// <param name="TokenBytes">Bytes per token on disk: 2 up to 65,536 entries, else 4.</param>
/// <param name="Files">Every other file of the folder.</param>
/// <param name="Checksum">SHA-256 of this manifest with an empty checksum.</param>
/// <param name="Contamination">What was found of GLUE; null where it was not looked for.</param>
/// <param name="DocumentTokenPercentiles">Tokens of a kept document at the 5th, 25th, 50th, 75th, 95th and 99th percentile, rounded down by at most 3 %; null in corpora made before it was counted.</param>
/// <param name="Filtered">Documents that each filter left out, by the first filter that a document met; with those kept they sum to the documents read. Null in corpora made before it was counted.</param>
/// <param name="Repetitions">What repeated earlier text; null where it was not looked for.</param>
/// <param name="CompressibilityHistogram">Documents by tokens per character before the trash filter, in steps of 0.02; the last holds all from 0.98. Null in corpora made before it was counted.</param>
/// <param name="TextTokens">Tokens of the documents kept, once each, without special tokens; null in corpora made before it was counted.</param>
public sealed record CorpusManifest(
    int FormatVersion,
    string Digest,
    CorpusRecipe Recipe,
    IReadOnlyList<CorpusInput> Inputs,
    int VocabularySize,
    long Documents,
    long KeptDocuments,
    long HeldOutDocuments,
    long Characters,
    long TrainingTokens,
    long HeldOutTokens,
    long DroppedTokens,
    long UnknownTokens,
    int TokenBytes,
    IReadOnlyList<CorpusFile> Files,
    string Checksum,
    CorpusContamination? Contamination = null,
    IReadOnlyDictionary<int, int>? DocumentTokenPercentiles = null,
    CorpusFiltered? Filtered = null,
    DuplicateCounts? Repetitions = null,
    IReadOnlyList<long>? CompressibilityHistogram = null,
    long? TextTokens = null)
{
    /// <summary>The version that this library writes and reads.</summary>
    public const int CurrentFormatVersion = 1;

    /// <summary>Name of the manifest in a corpus folder.</summary>
    public const string FileName = "manifest.json";

    /// <summary>Name of the vocabulary in a corpus folder, one entry a line.</summary>
    public const string VocabularyFileName = "vocab.txt";

    /// <summary>Rows of the training part.</summary>
    public long TrainingRows() => Files.Where(file => file.Part == CorpusPart.Training).Sum(file => file.Rows);

    /// <summary>Rows of the held-out part.</summary>
    public long HeldOutRows() => Files.Where(file => file.Part == CorpusPart.HeldOut).Sum(file => file.Rows);

    internal CorpusManifest Sealed()
    {
        var open = this with { Checksum = "" };
        return open with { Checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(open.ToJson()))) };
    }

    internal string ToJson() => JsonSerializer.Serialize(this, RecipeJson.Options).ReplaceLineEndings("\n") + "\n";

    /// <summary>Reads the manifest of a corpus folder.</summary>
    /// <exception cref="CorpusException">It is missing, torn, altered, or of another version.</exception>
    public static CorpusManifest Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            throw new CorpusException($"{path}: missing, so this is no finished corpus. Prepare it again.");
        }

        CorpusManifest manifest;
        string text;
        try
        {
            text = File.ReadAllText(path);
            manifest = JsonSerializer.Deserialize<CorpusManifest>(text, RecipeJson.Options)!;
        }
        catch (JsonException problem)
        {
            throw new CorpusException($"{path}: torn or altered: {problem.Message} Delete the folder and prepare the corpus again.", problem);
        }

        if (manifest.FormatVersion != CurrentFormatVersion)
        {
            throw new CorpusException($"{path}: format version {manifest.FormatVersion}, expected {CurrentFormatVersion}. Delete the folder and prepare the corpus again.");
        }

        // Written as it is read: any other byte is a change, in white space too.
        return manifest.Sealed().ToJson() == text
            ? manifest
            : throw new CorpusException($"{path}: its checksum does not match, so it was torn or altered. Delete the folder and prepare the corpus again.");
    }
}

/// <summary>Documents that filters left out, in the order in which a document meets them.</summary>
/// <param name="TooShort">Fewer characters than the recipe's minimum.</param>
/// <param name="ByWeight">Not drawn from a source whose weight is below 1.</param>
/// <param name="NearDuplicates">Nearly repeat an earlier document.</param>
/// <param name="RepeatedText">Held little but text that stands elsewhere.</param>
/// <param name="Contaminated">Hold sentences of GLUE.</param>
/// <param name="NoText">Nothing is left of them after normalisation.</param>
/// <param name="Trash">Too many tokens for their characters.</param>
public sealed record CorpusFiltered(long TooShort, long ByWeight, long NearDuplicates, long RepeatedText, long Contaminated, long NoText, long Trash);

/// <summary>A source file of a corpus.</summary>
/// <param name="Source">Index of its source in the recipe.</param>
/// <param name="Name">File name without its folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Content, lower-case hexadecimal.</param>
public sealed record CorpusInput(int Source, string Name, long Bytes, string Sha256);

/// <summary>A file of a corpus folder.</summary>
/// <param name="Name">File name.</param>
/// <param name="Part">What it belongs to.</param>
/// <param name="Rows">Rows of tokens, 0 where it holds none.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Content, lower-case hexadecimal.</param>
public sealed record CorpusFile(string Name, CorpusPart Part, long Rows, long Bytes, string Sha256);

/// <summary>Parts of a corpus.</summary>
public enum CorpusPart
{
    /// <summary>The vocabulary.</summary>
    Vocabulary = 1,

    /// <summary>Rows to train on.</summary>
    Training = 2,

    /// <summary>Rows kept out of training.</summary>
    HeldOut = 3,
}
