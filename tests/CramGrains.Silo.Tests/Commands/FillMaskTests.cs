using CramGrains.Model.Checkpoints;
using CramGrains.Model.Export;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using CramGrains.Silo.Commands;
using static TorchSharp.torch;

namespace CramGrains.Silo.Tests.Commands;

/// <summary><c>cram fill-mask</c> on a run, its export and a BERT.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class FillMaskTests(TrainedRun trained) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-fill-mask-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void FillMask_TextWithTwoMasks_ListsCandidatesOfBoth()
    {
        var filled = TrainedRun.Call(FillMaskCommand.Run, trained.Run, "the [MASK] was [MASK]", "--top", "3", "--device", "cpu", "--json");
        Assert.True(filled.Code == 0, filled.Error);
        var masks = filled.Json.GetProperty("masks");
        Assert.Equal((2, 3), (masks.GetArrayLength(), masks[0].GetArrayLength()));
        Assert.True(masks[0][0].GetProperty("probability").GetDouble() >= masks[0][1].GetProperty("probability").GetDouble());
    }

    [Fact]
    public void FillMask_ExportOfARunWithFramedRows_AnswersAsTheRun()
    {
        string run = Path.Combine(_folder, "framed"), exported = Path.Combine(_folder, "exported");
        Assert.Equal(0, trained.Pretrain(run, "corpus.packing=framed").Code);
        Assert.Equal(0, TrainedRun.Call(ExportCommand.Run, run, exported).Code);
        string[] question = ["the story was [MASK]", "--device", "cpu", "--json"];
        Assert.Equal(TrainedRun.Call(FillMaskCommand.Run, [run, .. question]).Output, TrainedRun.Call(FillMaskCommand.Run, [exported, .. question]).Output);
    }

    [Fact]
    public void FillMask_BertWithoutItsHead_IsRefused()
    {
        string folder = Path.Combine(_folder, "bert"), weights = Path.Combine(folder, "model.safetensors");
        var shape = new ArchitectureRecipe(
            1, 16, 2, 32, FeedForwardKind.Gelu, NormPlacement.Post, Positions: PositionKind.Learned, AttentionBias: true, FeedForwardBias: true, FinalNorm: false, HeadTransform: true, DecoderBias: true);
        string[] vocabulary = [.. SpecialTokens.Names, "the", "story", "was"];
        using (var model = new CrammedBert(shape, vocabulary.Length, 16))
        {
            HuggingFaceExport.Write(folder, new(
                shape, vocabulary, TextNormalizerKind.Bert, 16, model.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter), FineTuningSettings.Paper, new("bert")));
        }

        string[] question = [folder, "the story was [MASK]", "--device", "cpu"];
        Assert.Equal(0, TrainedRun.Call(FillMaskCommand.Run, question).Code);
        SafeTensors.Write(weights, SafeTensors.Read(weights).Where(tensor => !tensor.Key.StartsWith("cls.", StringComparison.Ordinal)).ToDictionary()); // as BertModel saves it
        var refused = TrainedRun.Call(FillMaskCommand.Run, question);
        Assert.Equal(2, refused.Code);
        Assert.Contains("holds no masked-language-model head", refused.Error, StringComparison.Ordinal);
    }
}
