using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Export;

/// <summary>Writes a WordPiece vocabulary as Hugging Face's tokenizers read it, so that both sides give the same ids.</summary>
/// <remarks>
/// Inputs become <c>[CLS] a [SEP]</c> and <c>[CLS] a [SEP] b [SEP]</c>, as in our fine-tuning. The normaliser and the splitter are the parts that
/// <see cref="WordPieceEncoder"/> repeats, in the same order.
/// </remarks>
internal static class TokenizerFiles
{
    private const string Classify = "[CLS]", Separator = "[SEP]";

    /// <summary>JSON for people too: indented, and with characters rather than escapes.</summary>
    internal static JsonSerializerOptions Json { get; } = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json and vocab.txt.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="vocabulary">Entries by id.</param>
    /// <param name="normalizer">Normalisation, which decides how words are split.</param>
    /// <param name="maximumLength">Tokens that an input may have.</param>
    /// <param name="tokenTypes">Whether the model takes token types.</param>
    public static void Write(string folder, IReadOnlyList<string> vocabulary, TextNormalizerKind normalizer, int maximumLength, bool tokenTypes)
    {
        File.WriteAllText(Path.Combine(folder, "vocab.txt"), string.Join('\n', vocabulary) + "\n");
        WriteJson(folder, "tokenizer.json", Tokenizer(vocabulary, normalizer));
        WriteJson(folder, "special_tokens_map.json", SpecialTokenNames());
        var config = SpecialTokenNames();
        config["tokenizer_class"] = "PreTrainedTokenizerFast";
        config["model_max_length"] = maximumLength;
        config["model_input_names"] = tokenTypes ? new JsonArray("input_ids", "token_type_ids", "attention_mask") : new JsonArray("input_ids", "attention_mask");
        config["clean_up_tokenization_spaces"] = true;
        WriteJson(folder, "tokenizer_config.json", config);
    }

    /// <summary>Writes one JSON file, indented, with LF.</summary>
    public static void WriteJson(string folder, string name, JsonNode node) =>
        File.WriteAllText(Path.Combine(folder, name), node.ToJsonString(Json).ReplaceLineEndings("\n") + "\n");

    private static JsonObject SpecialTokenNames() => new()
    {
        ["pad_token"] = "[PAD]",
        ["unk_token"] = "[UNK]",
        ["cls_token"] = Classify,
        ["sep_token"] = Separator,
        ["mask_token"] = "[MASK]",
    };

    private static JsonObject Tokenizer(IReadOnlyList<string> vocabulary, TextNormalizerKind normalizer) => new()
    {
        ["version"] = "1.0",
        ["truncation"] = null,
        ["padding"] = null,
        ["added_tokens"] = new JsonArray([.. SpecialTokens.Names.Select((name, id) => new JsonObject
        {
            ["id"] = id,
            ["content"] = name,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = true,
        })]),
        ["normalizer"] = Normalizer(normalizer),
        ["pre_tokenizer"] = Of(normalizer == TextNormalizerKind.Bert ? "BertPreTokenizer" : "Whitespace"),
        ["post_processor"] = Template(),
        ["decoder"] = new JsonObject { ["type"] = "WordPiece", ["prefix"] = WordPieceTrainer.ContinuingPrefix, ["cleanup"] = true },
        ["model"] = new JsonObject
        {
            ["type"] = "WordPiece",
            ["unk_token"] = SpecialTokens.Names[SpecialTokens.Unknown],
            ["continuing_subword_prefix"] = WordPieceTrainer.ContinuingPrefix,
            ["max_input_chars_per_word"] = WordPieceEncoder.MaximumWordCharacters,
            ["vocab"] = new JsonObject(vocabulary.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
        },
    };

    /// <summary>The normaliser's description in tokenizer.json; null for none.</summary>
    internal static JsonObject? Normalizer(TextNormalizerKind kind) => kind switch
    {
        TextNormalizerKind.Crammed => new()
        {
            ["type"] = "Sequence",
            ["normalizers"] = new JsonArray(
                Replace("String", "``", "\""), Replace("String", "''", "\""), Of("NFD"), Of("Lowercase"), Of("StripAccents"),
                Replace("Regex", " {2,}", " "), Replace("Regex", @"[^\x00-\x7F]+", "")),
        },
        TextNormalizerKind.Bert => new()
        {
            ["type"] = "BertNormalizer",
            ["clean_text"] = true,
            ["handle_chinese_chars"] = true,
            ["strip_accents"] = null, // as the lower case
            ["lowercase"] = true,
        },
        TextNormalizerKind.None => null,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown normalizer."),
    };

    private static JsonObject Template() => new()
    {
        ["type"] = "TemplateProcessing",
        ["single"] = new JsonArray(Special(Classify, 0), Sequence("A", 0), Special(Separator, 0)),
        ["pair"] = new JsonArray(Special(Classify, 0), Sequence("A", 0), Special(Separator, 0), Sequence("B", 1), Special(Separator, 1)),
        ["special_tokens"] = new JsonObject { [Classify] = Id(Classify, SpecialTokens.Classify), [Separator] = Id(Separator, SpecialTokens.Separator) },
    };

    private static JsonObject Of(string type) => new() { ["type"] = type };

    private static JsonObject Replace(string kind, string pattern, string content) =>
        new() { ["type"] = "Replace", ["pattern"] = new JsonObject { [kind] = pattern }, ["content"] = content };

    private static JsonObject Special(string name, int type) => new() { ["SpecialToken"] = new JsonObject { ["id"] = name, ["type_id"] = type } };

    private static JsonObject Sequence(string name, int type) => new() { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = type } };

    private static JsonObject Id(string name, int id) => new() { ["id"] = name, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(name) };
}
