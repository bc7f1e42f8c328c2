using CramGrains.Model.Evaluation;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using TorchSharp;

namespace CramGrains.Model.Tests.Evaluation;

/// <summary>Alone: dropout draws from torch's generator of the whole process, and other tests would draw in between.</summary>
[Collection(nameof(TorchRandomCollection))]
public sealed class FineTunerTests : IDisposable
{
    private readonly GlueFolder _glue = new();

    internal static FineTuningRecipe Recipe { get; } = new(
        [GlueTaskName.Cola], Seeds: 1, BatchSize: 16, LearningRate: 5e-3, Epochs: 5, WarmupFraction: 0.1, Dropout: 0.1, MaximumLength: 32, HeadSize: 32);

    private static ArchitectureRecipe Architecture { get; } = new(Layers: 2, HiddenSize: 32, Heads: 2, FeedForwardSize: 64);

    [Theory]
    [InlineData(PoolingKind.FirstToken, 32)]
    [InlineData(PoolingKind.MaskedMean, 32)]
    [InlineData(PoolingKind.RawMean, 0)]
    public void Run_SeparableTask_IsLearned(PoolingKind pooling, int headSize)
    {
        WriteSeparable();
        var result = Run(GlueTaskName.Cola, Recipe with { Pooling = pooling, HeadSize = headSize });
        var majority = Assert.Single(Baselines.MajorityClass(GlueReader.Read(_glue.Root, GlueTaskName.Cola)));
        var score = Assert.Single(result.Scores);
        Assert.Equal(("cola", GlueMetric.Mcc, 0.0), (score.Task, score.Metric, majority.Value));
        Assert.True(score.Value > 0.8, $"MCC is {score.Value:f3} on a task that one word decides.");
        Assert.True(score.Subset);
    }

    [Fact]
    public void Run_SameSeedTwice_GivesEqualScoresAndLoss()
    {
        WriteSeparable();
        var recipe = Recipe with { Epochs = 1 };
        var (first, second) = (Run(GlueTaskName.Cola, recipe, seed: 3), Run(GlueTaskName.Cola, recipe, seed: 3));
        Assert.Equal(first.Scores, second.Scores);
        Assert.Equal(first.FinalLoss, second.FinalLoss);
        Assert.NotEqual(first.FinalLoss, Run(GlueTaskName.Cola, recipe, seed: 4).FinalLoss);
    }

    [Fact]
    public void Run_Regression_ScoresBothCorrelations()
    {
        // One word of each sentence decides the score; the rest is filler.
        _glue.Write(GlueTaskName.Stsb, [.. Enumerable.Range(0, 320).Select(i => i % 2 == 0
            ? ($"filler{i % 7} calm", $"other{i % 5} quiet", "5.000")
            : ($"filler{i % 7} storm", $"other{i % 5} loud", "0.000"))]);
        var result = Run(GlueTaskName.Stsb, Recipe);
        Assert.Equal([GlueMetric.Pearson, GlueMetric.Spearman], result.Scores.Select(score => score.Metric));
        Assert.All(result.Scores, score => Assert.True(score.Value > 0.8, $"{score.Metric} is {score.Value:f3}."));
    }

    [Fact]
    public void Run_Mnli_ScoresMatchedAndMismatched()
    {
        string[] labels = ["entailment", "neutral", "contradiction"];
        _glue.Write(GlueTaskName.Mnli, [.. Enumerable.Range(0, 30).Select(i => ("a b", "c", labels[i % 3]))]);
        var result = Run(GlueTaskName.Mnli, Recipe with { Epochs = 1 });
        Assert.Equal(["mnli", "mnli-mm"], result.Scores.Select(score => score.Task));
        Assert.Equal((30, 60, 2L), (result.TrainExamples, result.EvaluationExamples, result.Steps));
    }

    [Fact]
    public void Run_MaximumTrainExamples_LimitsTrainingAndReportsProgress()
    {
        WriteSeparable();
        var progress = new Recorder();
        var result = Run(GlueTaskName.Cola, Recipe with { MaximumTrainExamples = 40, Epochs = 2 }, progress: progress);
        Assert.Equal((40, 6L), (result.TrainExamples, result.Steps));
        Assert.Equal(6, progress.Events.OfType<FineTuningProgress>().Last().Step);
    }

    [Fact]
    public void Run_PretrainedWeights_AreWhatTrainingStartsFrom()
    {
        WriteSeparable();
        using var scope = torch.NewDisposeScope();
        using var pretrained = new CrammedBert(Architecture, new WordHashEncoder().VocabularySize, 32, seed: 77);
        var weights = pretrained.named_parameters().ToDictionary(named => named.name, named => (torch.Tensor)named.parameter);
        var recipe = Recipe with { Epochs = 1, LearningRate = 1e-12 };
        var (_, model) = FineTuner.Train(recipe, Architecture, weights, new WordHashEncoder(), GlueReader.Read(_glue.Root, GlueTaskName.Cola),
            seed: 0, torch.CPU, progress: null, TestContext.Current.CancellationToken);
        using (model)
        {
            Assert.All(weights, weight => Assert.True(weight.Value.allclose(model.Weights()["bert." + weight.Key], rtol: 0, atol: 1e-6), weight.Key));
        }
    }

    [Fact]
    public void PredictClasses_OfOneOrMany_AreAlike()
    {
        WriteSeparable();
        var data = GlueReader.Read(_glue.Root, GlueTaskName.Cola);
        var (_, model) = FineTuner.Train(
            Recipe, Architecture, null, new WordHashEncoder(), data, seed: 0, torch.CPU, progress: null, TestContext.Current.CancellationToken);
        using (model)
        {
            var some = data.Train.Examples.Take(20).ToList();
            var alone = some.SelectMany(example => model.Outputs([example], TestContext.Current.CancellationToken)).ToArray();
            var together = model.Outputs(some, TestContext.Current.CancellationToken);
            Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
    }

    [Fact]
    public void Run_WeightsOfAnotherArchitecture_NamesTheTensor()
    {
        WriteSeparable();
        using var scope = torch.NewDisposeScope();
        using var pretrained = new CrammedBert(Architecture with { Layers = 1 }, new WordHashEncoder().VocabularySize, 32);
        var weights = pretrained.named_parameters().ToDictionary(named => named.name, named => (torch.Tensor)named.parameter);
        var problem = Assert.Throws<ArgumentException>(() => Run(GlueTaskName.Cola, Recipe, weights: weights));
        Assert.Contains("layers.1.", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NonFiniteLoss_NamesStepAndLearningRate()
    {
        WriteSeparable();
        using var scope = torch.NewDisposeScope();
        using var pretrained = new CrammedBert(Architecture, new WordHashEncoder().VocabularySize, 32);
        var weights = pretrained.named_parameters().ToDictionary(named => named.name, named => torch.full_like(named.parameter, float.NaN));
        var problem = Assert.Throws<NonFiniteFineTuningLossException>(() => Run(GlueTaskName.Cola, Recipe with { WarmupFraction = 0 }, weights: weights));
        Assert.Equal((1L, Recipe.LearningRate), (problem.Step, problem.LearningRate));
        Assert.Contains("loss is NaN at step 1, learning rate 0.005", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Cancelled_Stops()
    {
        WriteSeparable();
        using var source = new CancellationTokenSource();
        var progress = new Recorder(_ => source.Cancel());
        Assert.Throws<OperationCanceledException>(() => FineTuner.Run(
            Recipe, Architecture, null, new WordHashEncoder(), _glue.Root, GlueTaskName.Cola, seed: 0, torch.CPU, progress, source.Token));
        Assert.Single(progress.Events);
    }

    public void Dispose() => _glue.Dispose();

    /// <summary>320 sentences of fillers, acceptable exactly when they hold the word "good".</summary>
    private void WriteSeparable()
    {
        var random = new Random(5);
        _glue.Write(GlueTaskName.Cola, [.. Enumerable.Range(0, 320).Select(i =>
        {
            string[] words = [.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => $"filler{random.Next(30)}"), i % 2 == 0 ? "good" : "bad"];
            random.Shuffle(words);
            return (string.Join(' ', words), "", i % 2 == 0 ? "1" : "0");
        })]);
    }

    private FineTuningResult Run(
        GlueTaskName task, FineTuningRecipe recipe, int seed = 0, Dictionary<string, torch.Tensor>? weights = null,
        IProgress<TrainingEvent>? progress = null) =>
        FineTuner.Run(recipe, Architecture, weights, new WordHashEncoder(), _glue.Root, task, seed, torch.CPU, progress, TestContext.Current.CancellationToken);

    private sealed class Recorder(Action<TrainingEvent>? then = null) : IProgress<TrainingEvent>
    {
        public List<TrainingEvent> Events { get; } = [];

        public void Report(TrainingEvent value)
        {
            Events.Add(value);
            then?.Invoke(value);
        }
    }
}
