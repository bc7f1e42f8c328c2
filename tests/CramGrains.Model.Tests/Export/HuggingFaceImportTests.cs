using CramGrains.Model.Export;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Export;

/// <summary>Folders that cannot be imported, and what is said of them.</summary>
public sealed class HuggingFaceImportTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _temporary = new();

    public void Dispose()
    {
        _scope.Dispose();
        _temporary.Dispose();
    }

    [Theory]
    [InlineData("\"continuing_subword_prefix\": \"##\"", "\"continuing_subword_prefix\": \"@@\"", "model.continuing_subword_prefix must be ##, got @@.")]
    [InlineData("\"max_input_chars_per_word\": 100", "\"max_input_chars_per_word\": 5", "model.max_input_chars_per_word must be 100, got 5.")]
    public void Read_TokenizerThatCutsWordsOtherwise_IsRefused(string old, string changed, string expected)
    {
        string folder = Export("crammed"), tokenizer = Path.Combine(folder, "tokenizer.json"), text = File.ReadAllText(tokenizer);
        Assert.Contains(old, text, StringComparison.Ordinal);
        File.WriteAllText(tokenizer, text.Replace(old, changed, StringComparison.Ordinal));
        Assert.Equal($"{tokenizer}: {expected}", Assert.Throws<ExportException>(() => HuggingFaceImport.Read(folder)).Message);
    }

    [Theory]
    [InlineData("bert", "3")]
    [InlineData("bert", "0")]
    [InlineData("crammed", "-4")]
    public void Read_HeadsThatDoNotDivideTheHiddenSize_AreNamed(string kind, string heads)
    {
        string folder = Export(kind), config = Path.Combine(folder, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"num_attention_heads\": 4", $"\"num_attention_heads\": {heads}", StringComparison.Ordinal));
        Assert.Equal($"{config}: num_attention_heads must be a divisor of the hidden size (32), got {heads}.", Assert.Throws<ExportException>(() => HuggingFaceImport.Read(folder)).Message);
    }

    [Theory]
    [InlineData("bert", "num_hidden_layers", "-1", "a whole number from 1 to 512")]
    [InlineData("crammed", "num_hidden_layers", "2147483647", "a whole number from 1 to 512")]
    [InlineData("bert", "type_vocab_size", "1", "the rows of bert.embeddings.token_type_embeddings.weight, which has shape [2, 32]")]
    public void Read_CountThatTheWeightsCannotHave_IsNamed(string kind, string key, string value, string expected)
    {
        string folder = Export(kind), config = Path.Combine(folder, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace($"\"{key}\": 2", $"\"{key}\": {value}", StringComparison.Ordinal));
        Assert.Equal($"{config}: {key} must be {expected}, got {value}.", Assert.Throws<ExportException>(() => HuggingFaceImport.Read(folder)).Message);
    }

    [Theory]
    [InlineData("\"the\": ", "\"the\": \"x\" ,\"more\": ")]
    [InlineData("\"added_tokens\": [", "\"added_tokens\": [ \"x\", ")]
    [InlineData("\"pre_tokenizer\": {", "\"pre_tokenizer\": [1], \"other\": {")]
    public void Read_TokenizerOfAnotherForm_IsNamed(string old, string changed)
    {
        string folder = Export("crammed"), tokenizer = Path.Combine(folder, "tokenizer.json"), text = File.ReadAllText(tokenizer);
        Assert.Contains(old, text, StringComparison.Ordinal);
        File.WriteAllText(tokenizer, text.Replace(old, changed, StringComparison.Ordinal));
        Assert.StartsWith($"{tokenizer}: not of the form that Hugging Face's tokenizers write: ", Assert.Throws<ExportException>(() => HuggingFaceImport.Read(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_VocabularyTextWithAnEntryTwice_NamesBothLines()
    {
        string folder = Export("bert"), vocabulary = Path.Combine(folder, "vocab.txt");
        File.Delete(Path.Combine(folder, "tokenizer.json"));
        File.AppendAllText(vocabulary, "the\n");
        int first = ExportKinds.Vocabulary.Index().First(entry => entry.Item == "the").Index + 1;
        Assert.Equal(
            $"{vocabulary}: holds 'the' twice, in lines {first} and {ExportKinds.Vocabulary.Count + 1}. Copy the tokenizer's files again.",
            Assert.Throws<ExportException>(() => HuggingFaceImport.Read(folder)).Message);
    }

    private string Export(string kind) => ExportKinds.Export(_temporary.Path, kind);
}
