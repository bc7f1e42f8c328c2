using System.Text.Json.Nodes;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>Answers of fine-tuned models, and what they say of themselves.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class PredictTests(TrainedRun trained) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-predict-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Predict_NothingKept_SaysHowAndFineTunesWhereGlueIsGiven()
    {
        string copy = Path.Combine(_folder, "run");
        foreach (string file in Directory.EnumerateFiles(trained.Run, "*", SearchOption.AllDirectories).Where(file => !file.Contains("fine-tuned", StringComparison.Ordinal)))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(trained.Run, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        var refused = TrainedRun.Call(PredictCommand.Run, copy, "--task", "cola", "--device", "cpu", "a film");
        Assert.Equal(2, refused.Code);
        Assert.Contains("--keep", refused.Error, StringComparison.Ordinal);
        var answered = TrainedRun.Call(PredictCommand.Run, copy, "--task", "cola", "--device", "cpu", "--glue", trained.Glue, "--json", "a film");
        Assert.True(answered.Code == 0, answered.Error);
        Assert.Contains(answered.Json.GetProperty("answer").GetString(), (string[])["0", "1"]);

        string description = Path.Combine(FineTunedFolder.OfRun(copy, GlueTaskName.Cola), FineTunedFolder.DescriptionFile), now = File.ReadAllText(description);
        var node = JsonNode.Parse(now)!;
        node["pretrained"] = new string('0', 64); // as if it had been kept before the run trained on
        File.WriteAllText(description, node.ToJsonString());
        var outdated = TrainedRun.Call(PredictCommand.Run, copy, "--task", "cola", "--device", "cpu", "a film");
        Assert.Equal(0, outdated.Code);
        Assert.Contains("fine-tuned before the run's newest checkpoint", outdated.Error, StringComparison.Ordinal);
        Assert.Equal(0, TrainedRun.Call(PredictCommand.Run, copy, "--task", "cola", "--device", "cpu", "--glue", trained.Glue, "a film").Code);
        Assert.Equal(now, File.ReadAllText(description));
    }

    [Fact]
    public void Predict_TextLongerThanTheModelTakes_SaysHowMuchOfItWasCut()
    {
        string[] tune = [trained.Run, "--glue", trained.Glue, "--tasks", "cola", "--seeds", "1", "--results", _folder, "--keep", "--device", "cpu", "--set", "maximum_train_examples=16", "--set", "epochs=1"];
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, tune).Code);
        string model = Path.Combine(_folder, "quickstart", "fine-tuned", "cola"), fits = string.Join(' ', Enumerable.Repeat("a", 30)); // 32 tokens with the special ones
        var answers = TrainedRun.Call(PredictCommand.Run, model, "--device", "cpu", fits, $"{fits} {fits}");
        Assert.Equal((0, 2), (answers.Code, answers.Output.Split('\n').Length - 1));
        Assert.Equal("Text 2 has 62 tokens with the special ones, but the model was fine-tuned for 32 (fine_tuning.maximum_length): 30 at its end were not read.\n", answers.Error);

        var json = TrainedRun.Call(PredictCommand.Run, model, "--device", "cpu", "--json", $"{fits} a");
        Assert.Equal(1, json.Json.GetProperty("cut_tokens").GetInt32());
        Assert.Equal(0, TrainedRun.Call(PredictCommand.Run, model, "--device", "cpu", "--json", fits).Json.GetProperty("cut_tokens").GetInt32());
    }

    [Fact]
    public void Predict_OneCheckpoint_IsRefusedAndLeftAsItIs()
    {
        string run = Path.Combine(_folder, "run");
        string checkpoint = trained.Pretrain(run).Json.GetProperty("checkpoint").GetString()!;
        string[] before = Directory.GetFileSystemEntries(checkpoint);
        var refused = TrainedRun.Call(PredictCommand.Run, checkpoint, "--task", "cola", "--glue", trained.Glue, "--device", "cpu", "a film");
        Assert.Equal((2, $"{checkpoint}: is one checkpoint. Name its run, beside which fine-tuned models are kept.\n"), (refused.Code, refused.Error));
        Assert.Equal(before, Directory.GetFileSystemEntries(checkpoint));
    }
}
