using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class GlueResultFolderTests : IDisposable
{
    private const string Weights = "abc";

    private readonly GlueFolder _glue = new();
    private readonly TemporaryFolder _folder = new();

    public GlueResultFolderTests() => _glue.Write(GlueTaskName.Cola, ("good", "", "1"), ("bad", "", "0"), ("fair", "", "1"));

    public void Dispose()
    {
        _glue.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Find_SameWeightsSettingsAndData_GivesTheResultBack()
    {
        Write(Weights, Settings, 0);
        var found = Find(Weights, Settings, 0);
        Assert.Equal(Result(0).Scores, found!.Scores);
        Assert.NotNull(Find(Weights, Settings with { Seeds = 9, Tasks = [GlueTaskName.Cola], KeepModels = true }, 0));
    }

    [Fact]
    public void Find_AnythingElse_GivesNothing()
    {
        Write(Weights, Settings, 0);
        Assert.Null(Find("other weights", Settings, 0));
        Assert.Null(Find(Weights, Settings with { LearningRate = 1e-5 }, 0));
        Assert.Null(Find(Weights, Settings, 1));
        Assert.Null(Find(Weights, Settings with { MaximumTrainExamples = 2 }, 0));
        _glue.Write(GlueTaskName.Cola, ("good", "", "1"), ("bad", "", "0"));
        Assert.Null(Find(Weights, Settings, 0));
    }

    [Fact]
    public void Find_AsManyExamplesOfOtherContent_GivesNothing()
    {
        Write(Weights, Settings, 0);
        _glue.Write(GlueTaskName.Cola, ("good", "", "1"), ("bad", "", "0"), ("fair", "", "0"));
        Assert.Null(Find(Weights, Settings, 0));
    }

    [Fact]
    public void Find_ResultWrittenBeforeItsDataWereNoted_GivesItBack()
    {
        Write(Weights, Settings, 0);
        string file = Directory.EnumerateFiles(_folder.Path).Single();
        var older = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        Assert.True(older.Remove("data"));
        File.WriteAllText(file, older.ToJsonString());
        Assert.NotNull(Find(Weights, Settings, 0));
    }

    [Fact]
    public void Find_ResultOfALaterVersionWithMoreToSay_GivesItBack()
    {
        Write(Weights, Settings, 0);
        string file = Directory.EnumerateFiles(_folder.Path).Single();
        var later = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        later["device"] = "GPU";
        File.WriteAllText(file, later.ToJsonString());
        Assert.NotNull(Find(Weights, Settings, 0));
    }

    [Fact]
    public void Find_TornFile_GivesNothing()
    {
        Write(Weights, Settings, 0);
        string file = Directory.EnumerateFiles(_folder.Path).Single();
        File.WriteAllText(file, File.ReadAllText(file)[..40]);
        Assert.Null(Find(Weights, Settings, 0));
        Assert.Empty(GlueResultFolder.ReadAll(_folder.Path, Weights));
    }

    [Fact]
    public void ReadAll_SeveralSettingsAndWeights_GivesThoseOfOneSettingAlone()
    {
        Write(Weights, Settings, 1);
        Write(Weights, Settings, 0);
        Write(Weights, Settings with { LearningRate = 1e-5 }, 2);
        Write("other weights", Settings, 3);
        Assert.Equal([0, 1], GlueResultFolder.ReadAll(_folder.Path, Weights).Select(result => result.Seed));
        Assert.Empty(GlueResultFolder.ReadAll(Path.Combine(_folder.Path, "none"), Weights));
    }

    private static FineTuningRecipe Settings => FineTuningSettings.Paper;

    private static FineTuningResult Result(int seed) =>
        new(GlueTaskName.Cola, seed, [new("cola", GlueMetric.Mcc, 0.25, true)], TrainExamples: 3, EvaluationExamples: 3, BrokenRows: 0, Steps: 5, TrainingSeconds: 1.5, ExamplesPerSecond: 10, FinalLoss: 0.5);

    private void Write(string weights, FineTuningRecipe settings, int seed) =>
        GlueResultFolder.Write(_folder.Path, weights, settings, GlueReader.Read(_glue.Root, GlueTaskName.Cola), Result(seed));

    private FineTuningResult? Find(string weights, FineTuningRecipe settings, int seed) =>
        GlueResultFolder.Find(_folder.Path, weights, settings, GlueReader.Read(_glue.Root, GlueTaskName.Cola), seed);
}
