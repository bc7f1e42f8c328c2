using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using TorchSharp;

namespace CramGrains.Model.Tests.Evaluation;

/// <summary>Alone: dropout draws from torch's generator of the whole process.</summary>
[Collection(nameof(TorchRandomCollection))]
public sealed class FineTunedFolderTests : IDisposable
{
    private static readonly ArchitectureRecipe Shape = new(Layers: 1, HiddenSize: 16, Heads: 2, FeedForwardSize: 32, Positions: PositionKind.Learned, SegmentTypes: 2);
    private static readonly string[] Vocabulary = [.. SpecialTokens.Names, "good", "bad", "film", "a"];
    private static readonly GlueExample[] Asked = [new("a good film", "a bad film", double.NaN), new("bad", "good", double.NaN)];

    private readonly GlueFolder _glue = new();
    private readonly TemporaryFolder _temporary = new();

    public FineTunedFolderTests() => _glue.Write(
        GlueTaskName.Mrpc, [.. Enumerable.Range(0, 24).Select(i => (i % 2 == 0 ? "a good film" : "a bad film", "a film", i % 2 == 0 ? "1" : "0"))]);

    private string Folder => Path.Combine(_temporary.Path, "fine-tuned", "mrpc");

    public void Dispose()
    {
        _glue.Dispose();
        _temporary.Dispose();
    }

    [Fact]
    public void Read_Written_AnswersBitForBitAsBefore()
    {
        float[] before = Write(seed: 3);
        using var again = FineTunedFolder.Read(Folder, torch.CPU);
        Assert.Equal(before, again.Outputs(Asked, TestContext.Current.CancellationToken));
        Assert.Equal(GlueTaskName.Mrpc, again.Task.Name);
        Assert.Equal([FineTunedFolder.DescriptionFile, "vocab.txt", "weights.safetensors"], Directory.EnumerateFiles(Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)!);
    }

    [Fact]
    public void Write_OverAnOlderOne_ReplacesIt()
    {
        Write(seed: 3);
        float[] newer = Write(seed: 4);
        using var again = FineTunedFolder.Read(Folder, torch.CPU);
        Assert.Equal(newer, again.Outputs(Asked, TestContext.Current.CancellationToken));
        Assert.Single(Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(Folder)!));
    }

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("vocab.txt")]
    public void Read_AlteredFile_IsRefusedByName(string name)
    {
        Write(seed: 3);
        byte[] bytes = File.ReadAllBytes(Path.Combine(Folder, name));
        bytes[^3] ^= 1;
        File.WriteAllBytes(Path.Combine(Folder, name), bytes);
        Assert.Contains($"{name}: missing, cut or altered", Assert.Throws<GlueException>(() => FineTunedFolder.Read(Folder, torch.CPU)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NothingThere_SaysHowToMakeOne() =>
        Assert.Contains("--keep", Assert.Throws<GlueException>(() => FineTunedFolder.Read(Folder, torch.CPU)).Message, StringComparison.Ordinal);

    [Fact]
    public void Write_VocabularyThatIsNotWordPiece_IsRefusedAndLeavesNothing()
    {
        var (result, model) = Train(seed: 3, new WordHashEncoder());
        using (model)
        {
            Assert.Throws<GlueException>(() => FineTunedFolder.Write(Folder, model, result, "abc"));
        }

        Assert.False(Directory.Exists(Path.GetDirectoryName(Folder)));
    }

    private float[] Write(int seed)
    {
        var (result, model) = Train(seed, new WordPieceEncoder(Vocabulary, TextNormalizerKind.Crammed));
        using (model)
        {
            FineTunedFolder.Write(Folder, model, result, "abc");
            return model.Outputs(Asked, TestContext.Current.CancellationToken);
        }
    }

    private (FineTuningResult Result, FineTunedModel Model) Train(int seed, ITextEncoder encoder) => FineTuner.Train(
        FineTuningSettings.Paper with { LearningRate = 1e-2, Epochs = 1, HeadSize = 8, MaximumLength = 24 }, Shape, null, encoder,
        GlueReader.Read(_glue.Root, GlueTaskName.Mrpc), seed, torch.CPU, progress: null, TestContext.Current.CancellationToken);
}
