using System.Text.Json.Nodes;
using CramGrains.Model.Evaluation;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>The commands that need no cluster, on one tiny run: pretrain, glue, schedules, estimate.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class LocalCommandsTests(TrainedRun trained) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-local-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Pretrain_BudgetOfTokens_ReadsThemAndCountsCompute()
    {
        Assert.True(trained.Pretraining.Code == 0, trained.Pretraining.Error);
        var result = trained.Pretraining.Json;
        Assert.Equal("completed", result.GetProperty("outcome").GetString());
        Assert.InRange(result.GetProperty("tokens_seen").GetInt64(), 4096 - (8 * 32) + 1, 4096);
        // 6 x (4 x 32^2 + 32 x 64 + 32 x 32) + 6 x 70 x 32 x 0.25 + 12 x 32 x 32 operations a token, by hand
        double flops = (6 * 7168) + (6 * 70 * 32 * 0.25) + (12 * 32 * 32);
        Assert.Equal(flops * result.GetProperty("tokens_seen").GetInt64() / 1e18, result.GetProperty("compute").GetProperty("exaflop").GetDouble(), 1e-15);
    }

    [Fact]
    public void Pretrain_BudgetUsedUp_GoesOnFromItsCheckpointAndTrainsNoMore()
    {
        var again = trained.Pretrain();
        Assert.Equal(0, again.Code);
        Assert.Contains("went on from", again.Error, StringComparison.Ordinal);
        Assert.Equal(trained.Pretraining.Json.GetProperty("optimizer_steps").GetInt64(), again.Json.GetProperty("optimizer_steps").GetInt64());
    }

    [Fact]
    public void Pretrain_LineOfItsMetricsTorn_BeginsTheNextOneAnew()
    {
        string run = Path.Combine(_folder, "torn"), metrics = Path.Combine(run, "metrics.jsonl");
        Assert.Equal(0, trained.Pretrain(run).Code);
        File.WriteAllText(metrics, File.ReadAllText(metrics)[..^40]);
        int lines = File.ReadAllLines(metrics).Length;
        Assert.Equal(0, trained.Pretrain(run).Code);
        Assert.Equal("Resumed", JsonNode.Parse(File.ReadAllLines(metrics)[lines])!["event"]!.GetValue<string>());
    }

    [Fact]
    public void Pretrain_FolderOfAnotherRun_IsRefusedAndLeftAsItIs()
    {
        string other = Path.Combine(_folder, "other");
        Assert.Equal(0, trained.Pretrain(other).Code);
        var before = Contents();
        var refused = trained.Pretrain(other, "corpus.vocabulary_size=60");
        Assert.Equal(1, refused.Code);
        Assert.Contains("Use another folder", refused.Error, StringComparison.Ordinal);
        Assert.Equal(before, Contents()); // its vocabulary above all: export and fill-mask read it

        Dictionary<string, string> Contents() =>
            Directory.EnumerateFiles(other, "*", SearchOption.AllDirectories).ToDictionary(file => file, file => Convert.ToHexString(File.ReadAllBytes(file)));
    }

    [Fact]
    public void Pretrain_PreparedCorpusOfAnotherVocabulary_IsRefused()
    {
        string corpus = Path.Combine(trained.Root, "corpora", trained.Pretraining.Json.GetProperty("corpus_digest").GetString()!);
        var refused = TrainedRun.Call(
            PretrainCommand.Run, Path.Combine(trained.Run, "recipe.json"), "--out", Path.Combine(_folder, "out"), "--corpus", corpus, "--device", "cpu", "--set", "corpus.vocabulary_size=4096");
        Assert.Equal(2, refused.Code);
        Assert.Contains("has rows of 32 tokens, 70 entries and normalizer Crammed, but the recipe asks for 32, 4096 and Crammed.", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Glue_RunBesideBaselines_IsATableAndFindsItsResultsAgain()
    {
        string[] arguments =
        [
            trained.Run, "--glue", trained.Glue, "--seeds", "2", "--baseline", "majority,untrained", "--device", "cpu", "--results", Path.Combine(_folder, "results"), "--set", "epochs=1", "--set", "maximum_train_examples=16",
        ];
        var first = TrainedRun.Call(GlueCommand.Run, arguments);
        Assert.True(first.Code == 0, first.Error);
        Assert.Contains("| task | metric | quickstart | untrained | majority |", first.Output, StringComparison.Ordinal);
        Assert.Contains("| cola (subset) | mcc |", first.Output, StringComparison.Ordinal);
        Assert.Contains("| 0.0 |\n", first.Output, StringComparison.Ordinal); // the majority's correlation
        Assert.Contains("lacks their files: rte", first.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("(found)", first.Error, StringComparison.Ordinal);

        var second = TrainedRun.Call(GlueCommand.Run, arguments);
        Assert.Equal(first.Output, second.Output);
        Assert.Equal(4, second.Error.Split("(found)").Length - 1);

        File.Delete(Path.Combine(_folder, "results", "untrained", "cola-1.json"));
        var partial = TrainedRun.Call(GlueCommand.Run, [.. arguments, "--found-only"]);
        Assert.Contains("untrained, cola seed 1: no result there", partial.Error, StringComparison.Ordinal);
        Assert.Equal(3, partial.Error.Split("(found)").Length - 1);
    }

    [Fact]
    public void Glue_Kept_IsWhatPredictAnswersWith()
    {
        string[] tune = [trained.Run, "--glue", trained.Glue, "--tasks", "cola", "--seeds", "1", "--keep", "--device", "cpu", "--json", "--set", "learning_rate=1e-2", "--set", "dropout=0", "--set", "epochs=5", "--set", "batch_size=4", "--set", "pooling=masked-mean"];
        var scored = TrainedRun.Call(GlueCommand.Run, tune);
        Assert.True(scored.Code == 0, scored.Error);
        double mcc = scored.Json.GetProperty("models")[0].GetProperty("scores")[0].GetProperty("value").GetDouble();
        Assert.True(mcc > 0.8, $"MCC is {mcc} on a task that one word decides.");

        var answers = TrainedRun.Call(PredictCommand.Run, trained.Run, "--task", "cola", "--device", "cpu", "the story was good king", "the story was bad king");
        Assert.True(answers.Code == 0, answers.Error);
        Assert.Matches(@"^1 \(\d+\.\d %\): the story was good king\n0 \(\d+\.\d %\): the story was bad king\n$", answers.Output);

        // A model card takes the run's own scores and says what they are of.
        string exported = Path.Combine(_folder, "exported");
        var export = TrainedRun.Call(ExportCommand.Run, trained.Run, exported);
        Assert.True(export.Code == 0, export.Error);
        string card = File.ReadAllText(Path.Combine(exported, "README.md"));
        Assert.Contains("| cola | mcc |", card, StringComparison.Ordinal);
        Assert.Contains("subset of the official data", card, StringComparison.Ordinal);
        Assert.Contains("documents hold one of", card, StringComparison.Ordinal); // the decontamination report
        Assert.DoesNotContain("| Held-out loss at 15 % masked | not known |", card, StringComparison.Ordinal);

        var filled = TrainedRun.Call(FillMaskCommand.Run, exported, "the story was [MASK]", "--device", "cpu");
        Assert.Equal(TrainedRun.Call(FillMaskCommand.Run, trained.Run, "the story was [MASK]", "--device", "cpu").Output, filled.Output);
    }

    [Fact]
    public void Estimate_SmallModelAndBudget_ShowsNoneOfItsNumbersAsZero()
    {
        var outcome = TrainedRun.Call(EstimateCommand.Run, Path.Combine(trained.Run, "recipe.json"), "--tokens-per-second", "50000", "--gpu", "H100");
        Assert.Equal(0, outcome.Code);
        Assert.DoesNotMatch(@" 0(\.0*)?( |%|\n)", outcome.Output);
        Assert.Matches(@"parameters +0\.00\d+ M\n", outcome.Output);
        Assert.Contains("tokens per second              50,000\n", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("latest")]
    [InlineData("r-2")]
    public void FolderOf_RunOfAHome_IsFoundByItsIdOrAsTheLatest(string named)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "runs", "r-1"));
        string newest = Directory.CreateDirectory(Path.Combine(_folder, "runs", "r-2")).FullName;
        Assert.Equal(newest, RunCheckpoint.FolderOf(named, _folder));
    }

    [Fact]
    public void Glue_TwoRunsOfOneRecipe_AreToldApartAndKeptApart()
    {
        string other = Path.Combine(_folder, "other");
        Assert.Equal(0, trained.Pretrain(other, "training.optimizer.learning_rate=0.002").Code);
        string[] settings = ["--glue", trained.Glue, "--seeds", "1", "--device", "cpu", "--results", Path.Combine(_folder, "results"), "--set", "epochs=1", "--set", "maximum_train_examples=16"];
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [trained.Run, .. settings]).Code);
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [other, .. settings]).Code);
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(_folder, "results")).Length);
        var both = TrainedRun.Call(GlueCommand.Run, [other, trained.Run, .. settings, "--found-only"]);
        Assert.True(both.Code == 0, both.Error);
        Assert.Contains("| task | metric | quickstart (other) | quickstart (run) |", both.Output, StringComparison.Ordinal);
        Assert.Equal(2, both.Error.Split("(found)").Length - 1);
    }

    [Fact]
    public void Glue_KeepWithoutAPlaceToKeepIn_IsRefusedBeforeAnyTraining()
    {
        string exported = Path.Combine(_folder, "exported");
        Assert.Equal(0, TrainedRun.Call(ExportCommand.Run, trained.Run, exported).Code);
        string[] arguments = [exported, "--glue", trained.Glue, "--tasks", "cola", "--seeds", "1", "--keep", "--device", "cpu", "--set", "epochs=1", "--set", "maximum_train_examples=16"];
        var refused = TrainedRun.Call(GlueCommand.Run, arguments);
        Assert.Equal((2, $"--keep: {exported} is no run beside which a fine-tuned model could be kept. Give --results DIR too, or leave --keep out.\n"), (refused.Code, refused.Error));
        string results = Path.Combine(_folder, "results");
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [.. arguments, "--results", results]).Code);
        Assert.True(File.Exists(Path.Combine(results, "exported", "fine-tuned", "cola", FineTunedFolder.DescriptionFile)));
    }

    [Fact]
    public void Glue_KeptModelOfOtherSettings_IsReplacedThoughTheScoresAreThere()
    {
        string results = Path.Combine(_folder, "results"), kept = Path.Combine(results, "quickstart", "fine-tuned", "cola", FineTunedFolder.DescriptionFile);
        string[] arguments = [trained.Run, "--glue", trained.Glue, "--tasks", "cola", "--seeds", "1", "--device", "cpu", "--results", results, "--set", "epochs=1", "--set", "maximum_train_examples=16"];
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [.. arguments, "--set", "dropout=0.25", "--keep"]).Code);
        Assert.Contains("\"dropout\": 0.25", File.ReadAllText(kept), StringComparison.Ordinal);
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [.. arguments, "--set", "dropout=0.5", "--set", "learning_rate=1e-2"]).Code);
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [.. arguments, "--set", "dropout=0.5", "--set", "learning_rate=1e-2", "--keep"]).Code);
        Assert.Contains("\"dropout\": 0.5", File.ReadAllText(kept), StringComparison.Ordinal);
        Assert.Contains("(found)", TrainedRun.Call(GlueCommand.Run, [.. arguments, "--set", "dropout=0.5", "--set", "learning_rate=1e-2", "--keep"]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Glue_UntrainedModelOfAnotherVocabulary_IsNotTakenForThisOnes()
    {
        string other = Path.Combine(_folder, "other");
        Assert.Equal(0, trained.Pretrain(other, "corpus.vocabulary_size=60").Code);
        string[] settings =
        [
            "--glue", trained.Glue, "--seeds", "1", "--baseline", "untrained", "--device", "cpu", "--results", Path.Combine(_folder, "results"), "--set", "epochs=1", "--set", "maximum_train_examples=16",
        ];
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, [trained.Run, .. settings]).Code);
        var second = TrainedRun.Call(GlueCommand.Run, [other, .. settings]);
        Assert.True(second.Code == 0, second.Error);
        Assert.DoesNotContain("(found)", second.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Schedules_AllOrOneRecipe_AreWrittenAsSvg()
    {
        string file = Path.Combine(_folder, "all.svg");
        Assert.Equal(0, TrainedRun.Call(SchedulesCommand.Run, "--all", "--out", file).Code);
        Assert.Contains("cosine-annealing", File.ReadAllText(file), StringComparison.Ordinal);
        var drawn = TrainedRun.Call(SchedulesCommand.Run, Path.Combine(trained.Run, "recipe.json"));
        Assert.Contains("Schedules of quickstart", drawn.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongInput_OfAnyCommand_IsNamedWithExitCodeTwo()
    {
        (Func<string[], int> Command, string[] Arguments, string Expected)[] cases =
        [
            (GlueCommand.Run, [trained.Run], "--glue DIR is needed"),
            (GlueCommand.Run, ["--glue", trained.Glue], "Name a model"),
            (GlueCommand.Run, [trained.Run, "--glue", trained.Glue, "--baseline", "random"], "--baseline must be majority or untrained, got 'random'"),
            (GlueCommand.Run, [trained.Run, "--glue", trained.Root, "--device", "cpu"], "has the files of none of the tasks"),
            (GlueCommand.Run, [trained.Run, "--glue", trained.Glue, "--device", "tpu"], "--device must be cpu or cuda:N"),
            (GlueCommand.Run, [trained.Run, "--glue", trained.Glue, "--device", "cpu", "--set", "epochs=9"], "fine_tuning.epochs must be in [1, 5], got 9"),
            (GlueCommand.Run, [Path.Combine(trained.Root, "none"), "--glue", trained.Glue, "--device", "cpu"], "no such folder"),
            (PredictCommand.Run, [trained.Run, "--task", "sst3", "--device", "cpu", "x"], "--task must be one of cola, sst2"),
            (FillMaskCommand.Run, [trained.Run, "--device", "cpu", "no mask here"], "holds no [MASK]"),
            (SchedulesCommand.Run, [], "Name a recipe"),
            (BenchCommand.Run, ["quickstart", "--device", "foo"], "--device must be cpu or cuda:N"),
            (BenchCommand.Run, ["quickstart", "--device", "cpu", "--engine", "eager", "--microbatch", "8", "0"], "--microbatch must be 1 row or more, got 0"),
            (BenchCommand.Run, ["quickstart", "--device", "cpu", "--engine", "eager", "--loop", "-1"], "--loop must be a number of seconds above 0, got -1"),
            (BenchCommand.Run, ["quickstart", "--device", "cpu", "--engine", "eager", "--loop", "NaN"], "--loop must be a number of seconds above 0, got NaN"),
            (BenchCommand.Run, ["quickstart", "--device", "cpu", "--engine", "eager", "--curve", "0"], "--curve must be 1 step or more, got 0"),
            (PretrainCommand.Run, ["--out", _folder], "RECIPE is missing. Recipe file, such as"),
            (ExportCommand.Run, [trained.Run], "DIR is missing. Folder to write"),
            (DataCommand.Run, ["show"], "CORPUS is missing. Digest of a corpus"),
            (PretrainCommand.Run, [Path.Combine(trained.Run, "recipe.json")], "'--out' is required"),
            (PretrainCommand.Run, [Path.Combine(trained.Run, "recipe.json"), "--out", _folder, "--budget", "soon"], "budget: expected a time such as 60s"),
        ];
        Assert.All(cases, wrong =>
        {
            var outcome = TrainedRun.Call(wrong.Command, wrong.Arguments);
            Assert.Equal(2, outcome.Code);
            Assert.Contains(wrong.Expected, outcome.Error, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Help_OfAnyCommand_ShowsTheLineAsItIsTyped()
    {
        (Func<string[], int> Command, string[] Arguments, string Usage)[] cases =
        [
            (PretrainCommand.Run, ["--help"], "cram pretrain <RECIPE> [options]"), (DataCommand.Run, ["show", "-h"], "cram data show <CORPUS> [options]"),
            (ExportCommand.Run, ["--help"], "cram export <RUN> <DIR> [options]"), (StudyCommand.Run, ["--help"], "cram study "), (BenchCommand.Run, ["--help"], "cram bench <RECIPE> [options]"),
            (GlueCommand.Run, ["--help"], "cram glue "), (FillMaskCommand.Run, ["--help"], "cram fill-mask <MODEL> <TEXT>... [options]"), (PredictCommand.Run, ["--help"], "cram predict "),
            (SchedulesCommand.Run, ["--help"], "cram schedules "), (EstimateCommand.Run, ["--help"], "cram estimate <RECIPE> [options]"),
        ];
        Assert.All(cases, asked =>
        {
            var outcome = TrainedRun.Call(asked.Command, asked.Arguments);
            Assert.Equal((0, ""), (outcome.Code, outcome.Error));
            Assert.Contains(asked.Usage, outcome.Output, StringComparison.Ordinal);
        });
    }
}
