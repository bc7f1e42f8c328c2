using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>A vocabulary of Hugging Face's tokenizers in our order: the five special tokens first, the rest as it stood.</summary>
/// <param name="Entries">Entries by our id.</param>
/// <param name="OriginalIds">The id that each entry had.</param>
/// <param name="Encoder">Text to our ids.</param>
/// <param name="Normalizer">Normalisation; null for a byte-level vocabulary.</param>
internal sealed record ImportedVocabulary(IReadOnlyList<string> Entries, int[] OriginalIds, ITextEncoder Encoder, TextNormalizerKind? Normalizer)
{
    // By our id; the names of BERT, of RoBERTa, and of the cramming reference.
    private static readonly string[][] SpecialNames =
        [["[PAD]", "<pad>"], ["[UNK]", "<unk>"], ["[CLS]", "<cls>", "<s>"], ["[SEP]", "<sep>", "</s>"], ["[MASK]", "<mask>"]];

    /// <summary>Reads tokenizer.json, or else vocab.txt (WordPiece), or else vocab.json and merges.txt (byte-level BPE).</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="ExportException">No tokenizer is there, or one that cannot be repeated exactly.</exception>
    public static ImportedVocabulary Read(string folder)
    {
        string json = Path.Combine(folder, "tokenizer.json"), wordPiece = Path.Combine(folder, "vocab.txt");
        string bytePairs = Path.Combine(folder, "vocab.json"), merges = Path.Combine(folder, "merges.txt");
        return File.Exists(json) ? Formed(json, () => ReadTokenizerJson(json))
            : File.Exists(wordPiece) ? ReadVocabularyText(folder, wordPiece)
            : File.Exists(bytePairs) && File.Exists(merges) ? ByteLevel(bytePairs, ReadIds(bytePairs, Parse(bytePairs)), ReadMerges(merges), addPrefixSpace: false)
            : throw new ExportException($"{folder}: holds no tokenizer.json, no vocab.txt, and no vocab.json with merges.txt. Copy the tokenizer's files beside the weights.");
    }

    /// <summary>Rows by our ids of a table that has them by the original ones; rows beyond the vocabulary stay at the end.</summary>
    /// <param name="table"><c>[V, ...]</c>.</param>
    public Tensor Reorder(Tensor table)
    {
        int rows = (int)table.shape[0];
        long[] order = [.. OriginalIds.Select(id => (long)id), .. Enumerable.Range(0, rows).Except(OriginalIds).Select(id => (long)id)];
        return table.index_select(0, tensor(order));
    }

    /// <summary>Refuses a vocabulary that has ids outside the embedding.</summary>
    public void CheckRows(string origin, long rows)
    {
        if (OriginalIds.Max() is int largest && largest >= rows)
        {
            throw new ExportException($"{origin}: the vocabulary has the id {largest}, but the embedding only {rows} rows. They are not of one model.");
        }
    }

    /// <summary>JSON whose parts are of other kinds than expected shows only where they are read.</summary>
    private static ImportedVocabulary Formed(string path, Func<ImportedVocabulary> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException)
        {
            throw new ExportException($"{path}: not of the form that Hugging Face's tokenizers write: {error.Message}", error);
        }
    }

    private static ImportedVocabulary ReadTokenizerJson(string path)
    {
        var root = Parse(path);
        var model = root["model"] as JsonObject ?? throw new ExportException($"{path}: has no model.");
        var ids = ReadIds(path, model["vocab"]);
        foreach (var added in root["added_tokens"] as JsonArray ?? [])
        {
            ids.TryAdd((string)added!["content"]!, (int)added["id"]!);
        }

        string? splitter = (string?)root["pre_tokenizer"]?["type"];
        bool normalized = root["normalizer"] is not null;
        switch ((string?)model["type"])
        {
            case "WordPiece":
                if ((string?)model["continuing_subword_prefix"] is { } prefix && prefix != WordPieceTrainer.ContinuingPrefix)
                {
                    throw new ExportException($"{path}: model.continuing_subword_prefix must be ##, got {prefix}.");
                }

                if (model["max_input_chars_per_word"] is { } longest && longest.ToJsonString() != $"{WordPieceEncoder.MaximumWordCharacters}")
                {
                    throw new ExportException($"{path}: model.max_input_chars_per_word must be {WordPieceEncoder.MaximumWordCharacters}, got {longest.ToJsonString()}.");
                }

                return WordPiece(path, ids, WhichNormalizer(path, root));
            case "BPE" when splitter == "ByteLevel" && !normalized:
                string[][] merges = [.. (model["merges"] as JsonArray ?? []).Select(Pair)];
                return ByteLevel(path, ids, merges, (bool?)root["pre_tokenizer"]!["add_prefix_space"] ?? true);
            default:
                throw new ExportException(
                    $"{path}: model.type {model["type"]?.ToJsonString() ?? "null"} with pre_tokenizer {splitter ?? "null"} cannot be imported. "
                    + "WordPiece and byte-level BPE without a normaliser can.");
        }
    }

    private static ImportedVocabulary ReadVocabularyText(string folder, string path)
    {
        string config = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(config) && !ConfigFile.Read(config).Flag("do_lower_case", true))
        {
            throw new ExportException($"{config}: do_lower_case is false. Cased BERT vocabularies cannot be imported; use an uncased one.");
        }

        string[] lines = File.ReadAllText(path, Encoding.UTF8).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (id, entry) in lines.Index())
        {
            if (!ids.TryAdd(entry, id))
            {
                throw new ExportException($"{path}: holds '{entry}' twice, in lines {ids[entry] + 1} and {id + 1}. Copy the tokenizer's files again.");
            }
        }

        return WordPiece(path, ids, TextNormalizerKind.Bert);
    }

    /// <summary>Which of our normalisers a tokenizer.json describes, with the splitter that goes with it.</summary>
    private static TextNormalizerKind WhichNormalizer(string path, JsonObject root)
    {
        string? splitter = (string?)root["pre_tokenizer"]?["type"];
        var normalizer = root["normalizer"];
        if (splitter == "BertPreTokenizer" && (string?)normalizer?["type"] == "BertNormalizer" && (bool?)normalizer["lowercase"] == true
            && (bool?)normalizer["strip_accents"] != false && (bool?)normalizer["clean_text"] != false && (bool?)normalizer["handle_chinese_chars"] != false)
        {
            return TextNormalizerKind.Bert;
        }

        if (splitter == "Whitespace")
        {
            foreach (var kind in new[] { TextNormalizerKind.Crammed, TextNormalizerKind.None })
            {
                if (JsonNode.DeepEquals(normalizer, TokenizerFiles.Normalizer(kind)))
                {
                    return kind;
                }
            }
        }

        throw new ExportException(
            $"{path}: pre_tokenizer {splitter ?? "null"} with normalizer {normalizer?.ToJsonString() ?? "null"} has no exact counterpart here. "
            + "Uncased BERT's, the cramming reference's and Whitespace without a normaliser have.");
    }

    private static ImportedVocabulary WordPiece(string path, Dictionary<string, int> ids, TextNormalizerKind normalizer)
    {
        var (entries, original) = SpecialFirst(path, ids);
        return new(entries, original, new WordPieceEncoder(entries, normalizer), normalizer);
    }

    private static ImportedVocabulary ByteLevel(string path, Dictionary<string, int> ids, string[][] merges, bool addPrefixSpace)
    {
        var (entries, original) = SpecialFirst(path, ids);
        return new(entries, original, new ByteLevelEncoder(entries, merges, addPrefixSpace), null);
    }

    private static (string[] Entries, int[] OriginalIds) SpecialFirst(string path, Dictionary<string, int> ids)
    {
        int[] special = new int[SpecialNames.Length];
        foreach (var (index, names) in SpecialNames.Index())
        {
            string name = names.FirstOrDefault(ids.ContainsKey) ?? throw new ExportException($"{path}: has no token {string.Join(" or ", names)}.");
            special[index] = ids[name];
        }

        var rest = ids.Where(entry => !special.Contains(entry.Value)).OrderBy(entry => entry.Value).ToArray();
        return ([.. SpecialTokens.Names, .. rest.Select(entry => entry.Key)], [.. special, .. rest.Select(entry => entry.Value)]);
    }

    // A list of two since tokenizers 0.20, before that one string.
    private static string[] Pair(JsonNode? merge) => merge is JsonArray parts ? [(string)parts[0]!, (string)parts[1]!] : ((string)merge!).Split(' ');

    private static JsonObject Parse(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? throw new ExportException($"{path}: must hold a JSON object.");
        }
        catch (Exception error) when (error is IOException or JsonException)
        {
            throw new ExportException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    private static Dictionary<string, int> ReadIds(string path, JsonNode? vocabulary) => vocabulary is JsonObject entries
        ? entries.ToDictionary(entry => entry.Key, entry => (int)entry.Value!, StringComparer.Ordinal)
        : throw new ExportException($"{path}: holds no vocabulary of tokens and ids.");

    private static string[][] ReadMerges(string path) =>
        [.. File.ReadLines(path).Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal)).Select(line => line.Split(' '))];
}
