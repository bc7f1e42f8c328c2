using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Export;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Export;

/// <summary>Exported folders: names, shapes, config, tokenizer, and the way back.</summary>
/// <remarks>
/// With CRAM_EXPORT_FOLDERS set, the folders and what we make of them are also left there for <c>tests/goldens/scripts/check_export.py</c>, which opens
/// them with Hugging Face transformers.
/// </remarks>
public sealed class HuggingFaceExportTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _temporary = new();

    public static TheoryData<string> Kinds => [.. ExportKinds.All.Keys];

    public static TheoryData<string> KindsWithAWayBack => [.. ExportKinds.All.Where(kind => kind.Value.Class != HuggingFaceClass.ModernBert).Select(kind => kind.Key)];

    public void Dispose()
    {
        _scope.Dispose();
        _temporary.Dispose();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Write_EachKind_ChoosesItsClass(string kind) => Assert.Equal(ExportKinds.All[kind].Class, HuggingFaceExport.Choose(ExportKinds.All[kind].Shape));

    [Theory]
    [MemberData(nameof(KindsWithAWayBack))]
    public void Write_ThenRead_GivesEqualLogits(string kind)
    {
        using var model = ExportKinds.Model(ExportKinds.All[kind].Shape);
        var ids = ExportKinds.Ids();
        using var imported = HuggingFaceImport.Read(Export(kind));
        using var again = imported.Build();
        float difference = (ExportKinds.Logits(model, ids) - ExportKinds.Logits(again, ids)).abs().max().item<float>();
        Assert.True(difference < 1e-4f, $"Logits differ by {difference}.");
    }

    [Theory]
    [MemberData(nameof(KindsWithAWayBack))]
    public void Write_ThenRead_GivesEqualTokens(string kind)
    {
        using var imported = HuggingFaceImport.Read(Export(kind));
        Assert.Equal(ExportKinds.Vocabulary, imported.Vocabulary);
        var encoder = Encoder(kind);
        Assert.All(ExportKinds.Texts, text => Assert.Equal(encoder.Encode(text), imported.Encoder.Encode(text)));
    }

    [Theory]
    [InlineData("bert", RowPacking.Framed, true)]
    [InlineData("bert", RowPacking.Continuous, false)]
    [InlineData("crammed", RowPacking.Framed, true)]
    [InlineData("crammed", RowPacking.Continuous, false)]
    [InlineData("bert", null, true)] // of unknown rows: as BERT's own begin
    [InlineData("crammed", null, false)]
    public void Write_ThenRead_KnowsHowRowsBegan(string kind, RowPacking? packing, bool expected)
    {
        string folder = Path.Combine(_temporary.Path, kind);
        var recipe = TestRecipes.Tiny();
        using var model = ExportKinds.Model(ExportKinds.All[kind].Shape);
        var export = ExportKinds.ToExport(ExportKinds.All[kind].Shape, model);
        HuggingFaceExport.Write(folder, packing is { } rows ? export with { Card = export.Card with { Recipe = recipe with { Corpus = recipe.Corpus with { Packing = rows } } } } : export);
        using var imported = HuggingFaceImport.Read(folder);
        Assert.Equal(expected, imported.StartsWithClassify);
    }

    [Fact]
    public void Write_Bert_HasTheNamesAndShapesOfBertForMaskedLM()
    {
        var shapes = Shapes(Export("bert"));
        int v = ExportKinds.Vocabulary.Count;
        var expected = new Dictionary<string, long[]>
        {
            ["bert.embeddings.word_embeddings.weight"] = [v, 32],
            ["bert.embeddings.position_embeddings.weight"] = [ExportKinds.MaximumLength, 32],
            ["bert.embeddings.token_type_embeddings.weight"] = [2, 32],
            ["bert.embeddings.LayerNorm.weight"] = [32],
            ["bert.embeddings.LayerNorm.bias"] = [32],
            ["cls.predictions.bias"] = [v],
            ["cls.predictions.transform.dense.weight"] = [32, 32],
            ["cls.predictions.transform.dense.bias"] = [32],
            ["cls.predictions.transform.LayerNorm.weight"] = [32],
            ["cls.predictions.transform.LayerNorm.bias"] = [32],
        };
        foreach (int layer in (int[])[0, 1])
        {
            (string Name, long Out, long In)[] denses =
            [
                ("attention.self.query", 32, 32), ("attention.self.key", 32, 32), ("attention.self.value", 32, 32), ("attention.output.dense", 32, 32),
                ("intermediate.dense", 64, 32), ("output.dense", 32, 64),
            ];
            foreach (var (name, outputs, inputs) in denses)
            {
                expected[$"bert.encoder.layer.{layer}.{name}.weight"] = [outputs, inputs];
                expected[$"bert.encoder.layer.{layer}.{name}.bias"] = [outputs];
            }

            foreach (string norm in (string[])["attention.output.LayerNorm", "output.LayerNorm"])
            {
                expected[$"bert.encoder.layer.{layer}.{norm}.weight"] = [32];
                expected[$"bert.encoder.layer.{layer}.{norm}.bias"] = [32];
            }
        }

        AssertSame(expected, shapes);
    }

    [Fact]
    public void Write_ModernBert_HasTheNamesAndShapesOfModernBertForMaskedLM()
    {
        var expected = new Dictionary<string, long[]>
        {
            ["model.embeddings.tok_embeddings.weight"] = [ExportKinds.Vocabulary.Count, 32],
            ["model.embeddings.norm.weight"] = [32],
            ["model.embeddings.norm.bias"] = [32],
            ["model.final_norm.weight"] = [32],
            ["model.final_norm.bias"] = [32],
            ["model.layers.1.attn_norm.weight"] = [32], // the first layer has none
            ["model.layers.1.attn_norm.bias"] = [32],
            ["head.dense.weight"] = [32, 32],
            ["head.norm.weight"] = [32],
            ["head.norm.bias"] = [32],
            ["decoder.bias"] = [ExportKinds.Vocabulary.Count],
        };
        foreach (int layer in (int[])[0, 1])
        {
            expected[$"model.layers.{layer}.attn.Wqkv.weight"] = [96, 32];
            expected[$"model.layers.{layer}.attn.Wo.weight"] = [32, 32];
            expected[$"model.layers.{layer}.mlp_norm.weight"] = [32];
            expected[$"model.layers.{layer}.mlp_norm.bias"] = [32];
            expected[$"model.layers.{layer}.mlp.Wi.weight"] = [64, 32];
            expected[$"model.layers.{layer}.mlp.Wo.weight"] = [32, 32];
        }

        AssertSame(expected, Shapes(Export("modernbert")));
    }

    [Fact]
    public void Write_ModernBert_PutsTheActivatedHalfFirst()
    {
        using var model = ExportKinds.Model(ExportKinds.All["modernbert"].Shape);
        var ours = model.get_parameter("layers.0.ffn_in.weight")!;
        var theirs = SafeTensors.Read(Path.Combine(Export("modernbert"), "model.safetensors"))["model.layers.0.mlp.Wi.weight"];
        Assert.True(theirs[TensorIndex.Slice(0, 32)].equal(ours[TensorIndex.Slice(32, 64)]).all().item<bool>());
    }

    [Theory]
    [InlineData("bert", "model_type", "bert")]
    [InlineData("bert", "intermediate_size", "64")]
    [InlineData("bert", "layer_norm_eps", "1E-05")]
    [InlineData("bert-without-biases", "hidden_act", "relu")]
    [InlineData("bert-without-biases", "tie_word_embeddings", "False")]
    [InlineData("modernbert", "model_type", "modernbert")]
    [InlineData("modernbert", "intermediate_size", "32")] // counted after gating
    [InlineData("modernbert", "global_attn_every_n_layers", "1")]
    [InlineData("crammed", "model_type", "crammed_bert")]
    [InlineData("crammed", "positions", "scaled-sinusoidal")]
    [InlineData("crammed-rotary", "query_key_norm", "True")]
    public void Write_EachKind_SaysItsShapeInTheConfig(string kind, string key, string expected)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(Export(kind), "config.json")));
        var value = config.RootElement.GetProperty(key);
        Assert.Equal(expected, value.ValueKind == JsonValueKind.Number && !value.TryGetInt64(out _)
            ? value.GetDouble().ToString(System.Globalization.CultureInfo.InvariantCulture)
            : value.ToString());
    }

    [Fact]
    public void Write_Tokenizer_HoldsTheVocabularyById()
    {
        using var tokenizer = JsonDocument.Parse(File.ReadAllText(Path.Combine(Export("bert"), "tokenizer.json")));
        var entries = tokenizer.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject().OrderBy(entry => entry.Value.GetInt32()).Select(entry => entry.Name);
        Assert.Equal(ExportKinds.Vocabulary, entries);
        Assert.Equal(SpecialTokens.Names, tokenizer.RootElement.GetProperty("added_tokens").EnumerateArray().Select(token => token.GetProperty("content").GetString()!));
    }

    [Theory]
    [InlineData("crammed", true)]
    [InlineData("bert", false)]
    [InlineData("modernbert", false)]
    public void Write_EachKind_BringsCodeOnlyWhereNoNativeClassFits(string kind, bool code) => Assert.Equal(code, File.Exists(Path.Combine(Export(kind), "modelling_crammed.py")));

    [Fact]
    public void Write_ClassThatCannotExpressTheShape_NamesTheSettings()
    {
        var shape = ExportKinds.All["crammed"].Shape;
        using var model = ExportKinds.Model(shape);
        var error = Assert.Throws<ExportException>(() => HuggingFaceExport.Write(Path.Combine(_temporary.Path, "x"), ExportKinds.ToExport(shape, model), HuggingFaceClass.Bert));
        Assert.Contains("architecture.norm_placement must be post, got pre", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ModernRecipeWithModernBertsBlock_NeedsNoCustomCode()
    {
        var shape = Modern("architecture.query_key_norm=false", "architecture.first_attention_norm=false", "architecture.head_transform=true");
        using var model = ExportKinds.Model(shape);
        var written = HuggingFaceExport.Write(Path.Combine(_temporary.Path, "x"), ExportKinds.ToExport(shape, model));
        Assert.Equal((HuggingFaceClass.ModernBert, false), (written.Class, written.NeedsTrust));
        Assert.Empty(Directory.EnumerateFiles(written.Folder, "*.py"));
    }

    [Theory]
    [InlineData("architecture.residual_scalars must be false, got true", "architecture.residual_scalars=true")]
    [InlineData("architecture.query_key_norm must be false, got true", "architecture.query_key_norm=true")]
    public void Write_ModernRecipeWithWhatModernBertHasNot_IsRefusedByNameOrBringsOurCode(string obstacle, string setting)
    {
        var shape = Modern("architecture.query_key_norm=false", "architecture.first_attention_norm=false", "architecture.head_transform=true", setting);
        using var model = ExportKinds.Model(shape);
        var export = ExportKinds.ToExport(shape, model);
        var error = Assert.Throws<ExportException>(() => HuggingFaceExport.Write(Path.Combine(_temporary.Path, "x"), export, HuggingFaceClass.ModernBert));
        Assert.Contains(obstacle, error.Message, StringComparison.Ordinal);
        Assert.True(HuggingFaceExport.Write(Path.Combine(_temporary.Path, "y"), export).NeedsTrust);
    }

    private static ArchitectureRecipe Modern(params string[] settings)
    {
        string path = Path.Combine(Goldens.Repository, "recipes", "crammed-modern-24h.json");
        string[] small = ["architecture.layers=2", "architecture.hidden_size=32", "architecture.heads=4", "architecture.feed_forward_size=64"];
        var loaded = RecipeLoader.Load(File.ReadAllText(path), path, [.. small, .. settings]);
        Assert.Empty(loaded.Problems);
        return loaded.Recipe!.Architecture;
    }

    [Fact]
    public void Write_WeightThatIsNotFinite_LeavesNoFolder()
    {
        var shape = ExportKinds.All["crammed"].Shape;
        using var model = ExportKinds.Model(shape);
        using (no_grad())
        {
            model.get_parameter("layers.1.out.weight")!.fill_(float.NaN);
        }

        string folder = Path.Combine(_temporary.Path, "x");
        var error = Assert.Throws<ExportException>(() => HuggingFaceExport.Write(folder, ExportKinds.ToExport(shape, model)));
        Assert.Contains("layers.1.out.weight", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Write_EachKind_IsLeftForTransformersWithOurLogits(string kind)
    {
        string? root = Environment.GetEnvironmentVariable("CRAM_EXPORT_FOLDERS");
        Assert.SkipUnless(root is not null, "CRAM_EXPORT_FOLDERS names no folder to leave exports in.");
        using var model = ExportKinds.Model(ExportKinds.All[kind].Shape);
        string folder = Path.Combine(root, kind);
        HuggingFaceExport.Write(folder, ExportKinds.ToExport(ExportKinds.All[kind].Shape, model));
        var ids = ExportKinds.Ids();
        SafeTensors.Write(Path.Combine(folder, "expected.safetensors"), new Dictionary<string, Tensor>
        {
            ["input_ids"] = ids,
            ["logits"] = ExportKinds.Logits(model, ids).view(ids.shape[0], ids.shape[1], -1), // [B, S, V]
        }, new Dictionary<string, string> { ["format"] = "pt" });
        var encoder = Encoder(kind);
        File.WriteAllText(Path.Combine(folder, "expected_tokens.json"), JsonSerializer.Serialize(new
        {
            texts = ExportKinds.Texts.Select(text => new { text, ids = encoder.Encode(text) }),
            pairs = ExportKinds.Pairs.Select(pair => new
            {
                first = pair.First, second = pair.Second,
                ids = EncodedExamples.Join(encoder.Encode(pair.First), encoder.Encode(pair.Second), ExportKinds.MaximumLength),
            }),
        }));
        Assert.True(File.Exists(Path.Combine(folder, "model.safetensors")));
    }

    private static WordPieceEncoder Encoder(string kind) => new(ExportKinds.Vocabulary, ExportKinds.Normalizer(ExportKinds.All[kind].Shape));

    private static Dictionary<string, long[]> Shapes(string folder) =>
        SafeTensors.Read(Path.Combine(folder, "model.safetensors")).ToDictionary(tensor => tensor.Key, tensor => tensor.Value.shape);

    private static void AssertSame(Dictionary<string, long[]> expected, Dictionary<string, long[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, tensor => Assert.Equal(tensor.Value, actual[tensor.Key]));
    }

    private string Export(string kind) => ExportKinds.Export(_temporary.Path, kind);
}
