using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Export;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Export;

/// <summary>BERT and RoBERTa as Hugging Face transformers saved them: our token ids and logits against its own (<c>make_import_goldens.py</c>).</summary>
[Trait("Category", "Parity")]
public sealed class HuggingFaceImportParityTests : IDisposable
{
    private const int Pad = SpecialTokens.Pad;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    // The names that stand in the two vocabularies where ours stand.
    private static readonly Dictionary<string, string> OurNames = new()
    {
        ["<pad>"] = "[PAD]", ["<unk>"] = "[UNK]", ["<s>"] = "[CLS]", ["</s>"] = "[SEP]", ["<mask>"] = "[MASK]",
    };

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Folders => [.. Directory.EnumerateDirectories(Path.Combine(Goldens.Folder, "hugging-face")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Folders))]
    public void Read_SavedByTransformers_KnowsItsKind(string folder)
    {
        using var model = HuggingFaceImport.Read(Folder(folder));
        Assert.Equal(folder == "roberta" ? ("RoBERTa", 2) : ("BERT", 1), (model.Kind, model.PairSeparators));
        Assert.DoesNotContain(model.Ignored, name => !name.EndsWith("position_ids", StringComparison.Ordinal) && !name.EndsWith("decoder.bias", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Encode_SinglesAndPairs_GivesTheTokensOfTransformers(string folder)
    {
        using var model = HuggingFaceImport.Read(Folder(folder));
        foreach (var text in Expected(folder).Texts)
        {
            var ids = EncodedExamples.Join(
                model.Encoder.Encode(text.First), text.Second is null ? null : model.Encoder.Encode(text.Second), model.MaximumLength, model.PairSeparators);
            Assert.Equal(text.Tokens.Select(Ours), ids.Select(id => model.Vocabulary[id]));
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void MaskedLogits_PaddedPairs_AreThoseOfTransformers(string folder)
    {
        using var imported = HuggingFaceImport.Read(Folder(folder));
        using var model = imported.Build();
        var golden = SafeTensors.Read(Path.Combine(Folder(folder), "expected.safetensors"));
        var theirs = Expected(folder).Vocabulary.Select((token, id) => (Token: Ours(token), Id: id)).ToDictionary(entry => entry.Token, entry => entry.Id);
        long[] theirIds = [.. imported.Vocabulary.Select(token => (long)theirs[token])]; // [V], by our id
        long[] ourIds = new long[theirIds.Length];
        foreach (var (ours, their) in theirIds.Index())
        {
            ourIds[their] = ours;
        }

        var ids = tensor(ourIds)[golden["input_ids"]]; // [B, S]
        var mask = golden["attention_mask"].to_type(ScalarType.Bool);
        Assert.True(ids.ne(Pad).equal(mask).all().item<bool>());
        var logits = model.Logits(ids, mask, golden.GetValueOrDefault("token_type_ids")); // [B, S, V]
        var expected = golden["logits"].index_select(-1, tensor(theirIds));
        float difference = ((logits - expected) * mask.unsqueeze(-1)).abs().max().item<float>();
        Assert.True(difference < 1e-4f, $"Logits differ by {difference}; the largest is {expected.abs().max().item<float>()}.");
    }

    private static string Folder(string name) => Path.Combine(Goldens.Folder, "hugging-face", name);

    private static string Ours(string token) => OurNames.GetValueOrDefault(token, token);

    private static ExpectedFile Expected(string name) => JsonSerializer.Deserialize<ExpectedFile>(File.ReadAllText(Path.Combine(Folder(name), "expected.json")), Json)!;

    private sealed record ExpectedFile(string Transformers, string[] Vocabulary, ExpectedText[] Texts);

    private sealed record ExpectedText(string First, string? Second, string[] Tokens);
}
