using System.Text.Json;
using CramGrains.Silo.Commands;
using static CramGrains.Silo.Tests.Commands.MiniatureStudy;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>A whole study in miniature.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class StudyCommandTests(TrainedRun trained, MiniatureStudy whole) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-study-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Study_Whole_IsATableOfEveryPart()
    {
        var outcome = whole.Run(trained);
        Assert.True(outcome.Code == 0, outcome.Error);
        string[] expected =
        [
            "| adamw | 2ktokens | 1 |", "| muon | 4ktokens | 1 |", "**muon against adamw at 4ktokens: ", " GLUE points**", "| adamw | training.optimizer.learning_rate | 1ktokens |",
            "## Fine-tuning setting, chosen on held-out training data", "| muon | 2ktokens | 1 |", "## Ladder of budgets", "- Not tuned in this study: muon.", "- All ran on cpu, eager engine.",
        ];
        Assert.All(expected, line => Assert.Contains(line, outcome.Output, StringComparison.Ordinal));
        Assert.DoesNotContain("Not finished", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(outcome.Output.TrimEnd(), File.ReadAllText(Path.Combine(whole.Out, "table.md")).TrimEnd());
        Assert.All(Cells(whole.Out), cell => Assert.True(cell.Value < 4.3, $"{cell.Key} ended at {cell.Value} nats; a model that knows nothing has ln 70 = 4.25 and begins above."));
        Assert.True(File.Exists(Path.Combine(whole.Out, "curves.svg")));
        // Budgets of tokens are kept to a batch, and the longer one is longer.
        Assert.Equal([1792, 1792, 3840, 3840], Json(whole.Out).GetProperty("cells").EnumerateArray().Where(cell => cell.GetProperty("cell").GetProperty("part").GetString() == "main").Select(cell => cell.GetProperty("tokens").GetInt64()));
    }

    [Fact]
    public void Study_WeightsThatAreKept_GetANameOfTheirOwnBeforeTheWholeCheckpointGoes()
    {
        // Under the same name there would be a moment without any, and a kill in it would lose the pretraining.
        whole.Run(trained);
        string checkpoints = Path.Combine(whole.Out, "cells", "muon", "4ktokens", "seed-0", "checkpoints");
        string kept = Assert.Single(Directory.GetDirectories(checkpoints));
        Assert.EndsWith(".epoch-1", kept, StringComparison.Ordinal);
        Assert.InRange(new FileInfo(Path.Combine(kept, Model.Checkpoints.CheckpointStore.OptimizerFile)).Length, 1, 64);

        // Killed between the two: both are there, and the next call takes the larger away.
        string before = Path.Combine(checkpoints, Path.GetFileName(kept).Replace(".epoch-1", ".epoch-0", StringComparison.Ordinal));
        Directory.CreateDirectory(before);
        foreach (string file in Directory.EnumerateFiles(kept))
        {
            File.Copy(file, Path.Combine(before, Path.GetFileName(file)));
        }

        Assert.Equal(0, Call(whole.Arguments(trained, whole.Out)).Code);
        Assert.EndsWith(".epoch-2", Assert.Single(Directory.GetDirectories(checkpoints)), StringComparison.Ordinal);
    }

    [Fact]
    public void Study_Again_RunsNothing()
    {
        whole.Run(trained);
        var again = Call(whole.Arguments(trained, whole.Out));
        Assert.Equal(0, again.Code);
        Assert.DoesNotContain("held-out", again.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("seed", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_InterruptedInTheMiddleOfACellAndOfGlue_EndsAsTheUninterrupted()
    {
        whole.Run(trained);
        string first = Path.Combine(_folder, "first"), second = Path.Combine(_folder, "second");

        // The second held-out measurement of the fifth pretraining lies in the middle of its budget.
        var stopped = Call(whole.Arguments(trained, first), error => error.Contains("adamw@4ktokens#0\n", StringComparison.Ordinal)
            && error[error.IndexOf("adamw@4ktokens#0\n", StringComparison.Ordinal)..].Split("held-out loss").Length > 2);
        Assert.Equal(CommandLineRun.Interrupted, stopped.Code);
        Assert.Contains("adamw@4ktokens#0: stopped with a checkpoint", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("**Not finished: 4 of 7 pretrainings are done.**", stopped.Output, StringComparison.Ordinal);

        // Elsewhere: the folder is carried to another machine. One cell was killed there before its first checkpoint, in the middle of a line.
        Directory.Move(first, second);
        string killed = Directory.CreateDirectory(Path.Combine(second, "cells", "muon", "4ktokens", "seed-0")).FullName;
        File.WriteAllText(Path.Combine(killed, "curve.jsonl"), "{\"seconds\":1,\"tokens\":2,\"updates\":2,\"held_out_nats\":1}\n{\"seconds\":2,\"tok");
        var inGlue = Call(whole.Arguments(trained, second), error => error.Contains("choosing", StringComparison.Ordinal));
        Assert.Equal(CommandLineRun.Interrupted, inGlue.Code);
        Assert.Contains("went on from", inGlue.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("adamw@2ktokens#0", inGlue.Error, StringComparison.Ordinal);

        var done = Call(whole.Arguments(trained, second));
        Assert.True(done.Code == 0, done.Error);
        Assert.DoesNotContain("held-out", done.Error, StringComparison.Ordinal);
        Assert.Equal(Cells(whole.Out), Cells(second));
        Assert.Equal(Glue(whole.Out), Glue(second));
        Assert.Equal(Curves(whole.Out), Curves(second));
    }

    [Fact]
    public void Study_TimeIsOver_SaysNotFinishedByItsExitCode()
    {
        var outcome = Call([.. whole.Arguments(trained, Path.Combine(_folder, "late")), "--max-time", "0.001s"]);
        Assert.Equal(75, outcome.Code);
        Assert.Contains("--max-time is over. The same command goes on from here.", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2000h")]
    [InlineData("99999999999999999999h")]
    public void Study_TimeBeyondEveryTimer_IsRefusedByName(string time)
    {
        var outcome = Call([.. whole.Arguments(trained, Path.Combine(_folder, "endless")), "--max-time", time]);
        Assert.Equal(2, outcome.Code);
        Assert.Contains($"--max-time {time}: expected a time such as 90s, 9m or 1h, at most 1000h", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_OutputIsAFile_IsRefusedByName()
    {
        var outcome = Call(whole.Arguments(trained, whole.Study));
        Assert.Equal(2, outcome.Code);
        Assert.Contains($"--out {whole.Study}: is a file", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_ResultThatHoldsNothing_IsRefusedByName()
    {
        var folder = new StudyFolder(Path.Combine(_folder, "null"));
        string file = Path.Combine(Directory.CreateDirectory(folder.Of("cells/a")).FullName, "result.json");
        File.WriteAllText(file, "null");
        Assert.Contains($"{file}: cannot be read", Assert.Throws<InvalidDataException>(() => folder.Find<string>("cells/a", new Dictionary<string, string>())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_VariantThatDiverges_IsAnOutcomeAndIsNotFineTuned()
    {
        // A decay above 1 / learning rate multiplies the weights at every step.
        string study = MiniatureStudy.Write(Path.Combine(_folder, "wild.json"), "training.optimizer.learning_rate=10", "training.optimizer.weight_decay=10", "training.batch_size=4"), output = Path.Combine(_folder, "wild");
        string[] arguments = [.. whole.Arguments(trained, output, study), "--only", "muon@4ktokens"];
        var outcome = Call(arguments);
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Contains("| muon | 4ktokens | 1 | 1 of 1 diverged |", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("- muon@4ktokens#0 diverged: The loss is ", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("cola", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(outcome.Output, Call(arguments).Output); // read back as it was written
    }

    [Fact]
    public void Study_RecipeChanged_IsRefusedByNameWithWhatDiffers()
    {
        whole.Run(trained);
        string changed = MiniatureStudy.Write(Path.Combine(_folder, "study.json"), "training.optimizer.weight_decay=0.02");
        var outcome = Call([.. whole.Arguments(trained, whole.Out, changed)]);
        Assert.Equal(1, outcome.Code);
        Assert.Contains("cells/muon/2ktokens/seed-0: was made with recipe ", outcome.Error.Replace('\\', '/'), StringComparison.Ordinal);
        Assert.Contains("training.optimizer.weight_decay: 0.01 there, 0.02 here", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("Delete that folder to do it again", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_VariantThatBecomesAnElementTakenAway_StaysInTheTable()
    {
        string recipe = Path.GetFullPath(Path.Combine(trained.Run, "recipe.json")), changed = Path.Combine(_folder, "study.json"), output = Path.Combine(_folder, "out");
        object plain = new { name = "b", recipe };
        string[] masked = ["training.mask_fraction=0.4"];
        File.WriteAllText(changed, JsonSerializer.Serialize(new { name = "two", budgets = (string[])["1ktokens"], seeds = (int[])[0], variants = (object[])[plain, new { name = "b-without-mask", recipe, set = masked }] }));
        Assert.Equal(0, Call(whole.Arguments(trained, output, changed)).Code);
        File.WriteAllText(changed, JsonSerializer.Serialize(new
        {
            name = "one", budgets = (string[])["1ktokens"], seeds = (int[])[0], variants = (object[])[plain], ablate = new { variant = "b", without = (object[])[new { name = "mask", set = masked }] },
        }));
        var outcome = Call(whole.Arguments(trained, output, changed));
        Assert.Equal(0, outcome.Code);
        Assert.DoesNotContain("Not finished", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("| mask | 1ktokens | 1 |", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("b-without-mask@", outcome.Error, StringComparison.Ordinal); // nothing is trained again
    }

    [Fact]
    public void Study_FineTuningSettingsChanged_IsRefusedByNameWithWhatDiffers()
    {
        whole.Run(trained);
        string changed = Path.Combine(_folder, "study.json");
        File.WriteAllText(changed, File.ReadAllText(whole.Study).Replace("maximum_train_examples=32", "maximum_train_examples=48", StringComparison.Ordinal));
        var outcome = Call([.. whole.Arguments(trained, whole.Out, changed)]);
        Assert.Equal(1, outcome.Code);
        Assert.Contains("/cola-0: was made with settings ", outcome.Error.Replace('\\', '/'), StringComparison.Ordinal);
        Assert.Contains("(maximum_train_examples: 32 there, 48 here)", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_Only_RunsThatCellAndTheGridItRestsOn()
    {
        string output = Path.Combine(_folder, "only");
        var outcome = Call([.. whole.Arguments(trained, output), "--only", "adamw@2ktokens", "--pretrain-only"]);
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal(["adamw@grid=0.001#0", "adamw@grid=0.01#0", "adamw@2ktokens#0"], Cells(output).Keys);
        var grids = Call([.. whole.Arguments(trained, Path.Combine(_folder, "grids")), "--only", "@grid"]); // no file of arguments
        Assert.True(grids.Code == 0, grids.Error);
        Assert.Equal(["adamw@grid=0.001#0", "adamw@grid=0.01#0"], Cells(Path.Combine(_folder, "grids")).Keys);
        var unknown = Call([.. whole.Arguments(trained, output), "--only", "adam"]);
        Assert.Equal(2, unknown.Code);
        Assert.Contains("It has adamw@grid=0.001#0", unknown.Error, StringComparison.Ordinal);
        var none = Call([.. whole.Arguments(trained, output), "--only", "muon-without-muon", "--seeds", "1"]); // a seed that the option adds, which ablations do not have
        Assert.Equal(2, none.Code);
        Assert.Contains("none is left by --budget and --seeds", none.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_OnlyALaterSeedWithGlue_RunsTheModelThatChoosesItsSettingToo()
    {
        string output = Path.Combine(_folder, "later");
        var outcome = Call([.. whole.Arguments(trained, output), "--seeds", "0", "1", "--only", "muon@4ktokens#1"]);
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal(["muon@4ktokens#0", "muon@4ktokens#1"], Cells(output).Keys);
        Assert.Equal(["0 True", "0 True", "1 False", "1 False"], Json(output).GetProperty("glue").EnumerateArray()
            .Select(result => $"{result.GetProperty("cell").GetProperty("seed")} {result.GetProperty("choice")}").Order());
    }

    [Fact]
    public void Study_RowsExportedToATokenFile_TrainToTheSameLoss()
    {
        whole.Run(trained);
        string rows = Path.Combine(_folder, "rows.u16"), output = Path.Combine(_folder, "tokens");
        var export = Call([whole.Study, "--corpus", trained.Text, "--corpora", Path.Combine(trained.Root, "corpora"), "--glue", trained.Glue, "--export-tokens", rows]);
        Assert.True(export.Code == 0, export.Error);
        Assert.Contains("the first 8 are held out", export.Output, StringComparison.Ordinal);
        var outcome = Call(
        [
            whole.Study, "--tokens", rows, "--held-out-rows", "8", "--vocabulary", rows + ".vocab.txt", "--out", output, "--device", "cpu", "--only", "muon@2ktokens", "--glue", trained.Glue,
            "--corpora", Path.Combine(trained.Root, "corpora"),
        ]);
        Assert.True(outcome.Code == 0, outcome.Error);
        string other = MiniatureStudy.Write(Path.Combine(_folder, "other.json"), "corpus.packing=within-document");
        var refused = Call([other, "--tokens", rows, "--out", output, "--device", "cpu", "--pretrain-only"]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("corpus.packing: \"continuous\" there, \"within-document\" here", refused.Error, StringComparison.Ordinal);
        Assert.Equal(Cells(whole.Out)["muon@2ktokens#0"], Cells(output)["muon@2ktokens#0"]);
    }

    [Fact]
    public void Study_TokenFileOfASmallerVocabularyThanTheRecipes_IsRefused()
    {
        string rows = Path.Combine(_folder, "rows.u16");
        Assert.Equal(0, Call([whole.Study, "--corpus", trained.Text, "--corpora", Path.Combine(trained.Root, "corpora"), "--glue", trained.Glue, "--export-tokens", rows]).Code);
        string larger = Path.Combine(_folder, "larger.json");
        File.WriteAllText(larger, File.ReadAllText(whole.Study).Replace("corpus.vocabulary_size=70", "corpus.vocabulary_size=4096", StringComparison.Ordinal));
        var refused = Call(
        [
            larger, "--tokens", rows, "--held-out-rows", "8", "--vocabulary", rows + ".vocab.txt", "--out", Path.Combine(_folder, "larger"), "--device", "cpu", "--only", "muon@2ktokens", "--pretrain-only",
        ]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("70 entries, expected corpus.vocabulary_size = 4096", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_GlueWithoutItsFilesWhileACorpusIsPrepared_IsRefused()
    {
        var outcome = Call([whole.Study, "--corpus", trained.Text, "--corpora", Path.Combine(trained.Root, "corpora"), "--out", Path.Combine(_folder, "none"), "--device", "cpu"]);
        Assert.Equal(2, outcome.Code);
        Assert.Contains("give its files with --glue DIR in every call", outcome.Error, StringComparison.Ordinal);
    }
}
