using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>A whole study in miniature: AdamW against Muon by budgets of tokens, so that everything but the clock is the same every time.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class StudyCommandTests(TrainedRun trained, StudyCommandTests.WholeStudy whole) : IClassFixture<StudyCommandTests.WholeStudy>, IDisposable
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
            "## Fine-tuning setting, chosen on held-out training data", "| muon | 2ktokens | 1 |", "## Ladder of budgets", "- muon: no setting was tuned in this study.", "- All ran on cpu, eager engine.",
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
    public void Study_DeviceInUse_IsRefused()
    {
        string output = Path.Combine(_folder, "used");
        using var held = new StudyFolder(output).TakeDevice("cpu");
        var outcome = Call(whole.Arguments(trained, output));
        Assert.Equal(1, outcome.Code);
        Assert.Contains("another process works on this study with cpu at ", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_PiecesOfOthers_AreLeftToThemAndWaitedFor()
    {
        // The others hold a pretraining, the grid that another one rests on, and a fine-tuning; they finish none of them.
        whole.Run(trained);
        string output = Path.Combine(_folder, "shared");
        var folder = new StudyFolder(output);
        var held = new Dictionary<string, IDisposable?>
        {
            ["adamw@grid=0.001#0"] = folder.Claim("cells/adamw/grid-0.001-1ktokens/seed-0"),
            ["muon@4ktokens#0"] = folder.Claim("cells/muon/4ktokens/seed-0"),
            ["muon@4ktokens#0, cola seed 0"] = folder.Claim("cells/muon/4ktokens/seed-0/glue/cola-0"),
        };
        var waits = new List<string>();
        var outcome = Call(whole.Arguments(trained, output), error =>
        {
            string last = error.TrimEnd().Split('\n')[^1];
            if (last.Contains("another process works on it", StringComparison.Ordinal))
            {
                string piece = last[..last.IndexOf(": another", StringComparison.Ordinal)];
                waits.Add(piece);
                held[piece]!.Dispose(); // killed
            }

            return false;
        });
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal(held.Keys, waits);
        int At(string text) => outcome.Error.IndexOf(text, StringComparison.Ordinal);
        Assert.InRange(At("muon@2ktokens#0: held-out"), 0, At("adamw@grid=0.001#0: another process")); // what was free was done first
        Assert.Equal(Cells(whole.Out), Cells(output));
        Assert.Equal(Glue(whole.Out), Glue(output));
    }

    [Fact]
    public void Study_PieceThatAnotherFinishesMeanwhile_IsTakenFromIt()
    {
        whole.Run(trained);
        string output = Path.Combine(_folder, "finished"), piece = "cells/muon/4ktokens/seed-0";
        using var claim = new StudyFolder(output).Claim(piece);
        var outcome = Call(whole.Arguments(trained, output), error =>
        {
            string there = Path.Combine(output, "cells", "muon", "4ktokens", "seed-0");
            if (!Directory.Exists(there) && error.Contains("muon@4ktokens#0: another process works on it", StringComparison.Ordinal))
            {
                Copy(Path.Combine(whole.Out, "cells", "muon", "4ktokens", "seed-0"), there);
                claim!.Dispose();
            }

            return false;
        });
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.DoesNotContain("muon@4ktokens#0\n", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("muon@4ktokens#0, cola", outcome.Error, StringComparison.Ordinal); // its fine-tunings were copied with it
        Assert.Equal(Cells(whole.Out), Cells(output));
        Assert.Equal(Glue(whole.Out), Glue(output));
    }

    [Fact]
    public async Task Study_PieceFinishedWhileAnotherWritesTheTable_IsLetGoFirst()
    {
        // Whoever writes the table takes what others have finished, and for that waits until they have let go of it.
        string output = Path.Combine(_folder, "table"), piece = "cells/muon/2ktokens/seed-0";
        var other = new StudyFolder(output);
        Task<bool>? taken = null;
        var outcome = Call([.. whole.Arguments(trained, output), "--only", "muon@2ktokens", "--pretrain-only"], error =>
        {
            if (taken is null && error.Contains("muon@2ktokens#0: held-out", StringComparison.Ordinal))
            {
                var table = other.Claim("table");
                taken = Task.Run(() =>
                {
                    using (table)
                    {
                        using var claim = other.Claim(piece, TimeSpan.FromSeconds(20));
                        return claim is not null;
                    }
                });
            }

            return false;
        });
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.True(await taken!, "the piece was held for as long as its process waited for the table");
    }

    [Fact]
    public void Claim_LongNamesThatDifferAtTheirEnd_AreDifferentLocks()
    {
        // Each folder's name fits into a file system's 255 bytes, and all of them together do not.
        string piece = $"cells/{new string('v', 64)}/8m/seed-0/glue-choice/{new string('s', 190)}";
        var folder = new StudyFolder(Path.Combine(_folder, "long"));
        folder.Begin($"{piece}/cola-0", new Dictionary<string, string>());
        using var first = folder.Claim($"{piece}/cola-0");
        using var second = folder.Claim($"{piece}/cola-1");
        Assert.True(first is not null && second is not null);
        Assert.Null(folder.Claim($"{piece}/cola-0"));
    }

    [Fact]
    public void Study_VariantThatDiverges_IsAnOutcomeAndIsNotFineTuned()
    {
        // A decay above 1 / learning rate multiplies the weights at every step.
        string study = WholeStudy.Write(Path.Combine(_folder, "wild.json"), "training.optimizer.learning_rate=10", "training.optimizer.weight_decay=10", "training.batch_size=4"), output = Path.Combine(_folder, "wild");
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
        string changed = WholeStudy.Write(Path.Combine(_folder, "study.json"), "training.optimizer.weight_decay=0.02");
        var outcome = Call([.. whole.Arguments(trained, whole.Out, changed)]);
        Assert.Equal(1, outcome.Code);
        Assert.Contains("cells/muon/2ktokens/seed-0: was made with recipe ", outcome.Error.Replace('\\', '/'), StringComparison.Ordinal);
        Assert.Contains("training.optimizer.weight_decay: 0.01 there, 0.02 here", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("Delete that folder to do it again", outcome.Error, StringComparison.Ordinal);
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
        string other = WholeStudy.Write(Path.Combine(_folder, "other.json"), "corpus.packing=within-document");
        var refused = Call([other, "--tokens", rows, "--out", output, "--device", "cpu", "--pretrain-only"]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("corpus.packing: \"continuous\" there, \"within-document\" here", refused.Error, StringComparison.Ordinal);
        Assert.Equal(Cells(whole.Out)["muon@2ktokens#0"], Cells(output)["muon@2ktokens#0"]);
    }

    [Fact]
    public void Study_GlueWithoutItsFilesWhileACorpusIsPrepared_IsRefused()
    {
        var outcome = Call([whole.Study, "--corpus", trained.Text, "--corpora", Path.Combine(trained.Root, "corpora"), "--out", Path.Combine(_folder, "none"), "--device", "cpu"]);
        Assert.Equal(2, outcome.Code);
        Assert.Contains("give its files with --glue DIR in every call", outcome.Error, StringComparison.Ordinal);
    }

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static JsonElement Json(string folder) => JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "study.json"))).RootElement;

    /// <summary>Final held-out losses by cell.</summary>
    private static Dictionary<string, double> Cells(string folder) => Json(folder).GetProperty("cells").EnumerateArray().ToDictionary(
        result => Name(result.GetProperty("cell")), result => result.GetProperty("held_out_final").GetDouble());

    private static List<(string, double)> Glue(string folder) => [.. Json(folder).GetProperty("glue").EnumerateArray()
        .Select(result => ($"{Name(result.GetProperty("cell"))} {result.GetProperty("setting")} {result.GetProperty("seed")} {result.GetProperty("choice")}", result.GetProperty("scores")[0].GetProperty("value").GetDouble()))
        .Order()];

    /// <summary>All but the seconds, which are the clock's.</summary>
    private static List<string> Curves(string folder) => [.. File.ReadAllLines(Path.Combine(folder, "curves.csv")).Select(line => string.Join(',', line.Split(',').Where((_, column) => column != 3)))];

    private static string Name(JsonElement cell) => new Model.Studies.StudyCell(
        Enum.Parse<Model.Studies.StudyPart>(cell.GetProperty("part").GetString()!, ignoreCase: true), cell.GetProperty("variant").GetString()!, cell.GetProperty("budget").GetString()!,
        cell.GetProperty("seed").GetInt32(), cell.GetProperty("grid_value") is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : null, cell.GetProperty("without").GetString()).Name;

    private static Outcome Call(string[] arguments, Func<string, bool>? interruptOn = null)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var interrupt = new CancellationTokenSource();
        using var captured = new StringWriter(CultureInfo.InvariantCulture);
        using var said = new Listener(text =>
        {
            if (interruptOn?.Invoke(text) == true)
            {
                interrupt.Cancel();
            }
        });
        Console.SetOut(captured);
        Console.SetError(said);
        try
        {
            return new(StudyCommand.Run(arguments, interrupt.Token), captured.ToString(), said.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>The study and its uninterrupted run, made once.</summary>
    public sealed class WholeStudy : IDisposable
    {
        private Outcome? _outcome;

        public WholeStudy()
        {
            // Products of 32 columns gain nothing from more threads, and on a busy machine they wait for each other.
            Model.TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
            TorchSharp.torch.set_num_threads(1);
            Study = Write(Path.Combine(Root, "study.json"), "training.optimizer.weight_decay=0.01");
        }

        public string Root { get; } = Directory.CreateTempSubdirectory("cram-study-").FullName;

        public string Study { get; }

        public string Out => Path.Combine(Root, "out");

        public void Dispose() => Directory.Delete(Root, recursive: true);

        internal Outcome Run(TrainedRun trained) => _outcome ??= Call(Arguments(trained, Out));

        internal string[] Arguments(TrainedRun trained, string output, string? study = null) =>
        [
            study ?? Study, "--out", output, "--corpus", trained.Text, "--corpora", Path.Combine(trained.Root, "corpora"), "--glue", trained.Glue, "--device", "cpu",
        ];

        /// <summary>Writes the study with one setting of the second variant.</summary>
        internal static string Write(string file, params string[] settings)
        {
            File.WriteAllText(file, JsonSerializer.Serialize(new
            {
                name = "miniature",
                budgets = (string[])["2ktokens", "4ktokens"],
                seeds = (int[])[0],
                grid_budget = "1ktokens",
                set = (string[])
                [
                    "architecture.layers=1", "architecture.hidden_size=32", "architecture.heads=2", "architecture.feed_forward_size=64", "corpus.vocabulary_size=70", "corpus.sequence_length=32",
                    "training.microbatch_size=4", "training.batch_size=8", "training.batch_ramp_fraction=0", "held_out.rows=8", "held_out.evaluations=3", "fine_tuning.maximum_length=32", "fine_tuning.head_size=16",
                ],
                variants = (object[])
                [
                    new { name = "adamw", recipe = Recipe(), grid = new { key = "training.optimizer.learning_rate", values = (double[])[0.001, 0.01] } },
                    new { name = "muon", recipe = Recipe(), set = (string[])["training.optimizer.kind=muon", "training.optimizer.muon_learning_rate=0.02", .. settings] },
                ],
                ablate = new { variant = "muon", without = (object[])[new { name = "muon", set = (string[])["training.optimizer.kind=adam-w", "training.optimizer.muon_learning_rate=null"] }] },
                glue = new
                {
                    tasks = (string[])["cola"],
                    seeds = (int[])[0, 1],
                    set = (string[])["epochs=1", "maximum_train_examples=32"],
                    settings = (string[][])[["learning_rate=1e-3"], ["learning_rate=1e-5"]],
                },
            }));
            return file;
        }

        private static string Recipe([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", "..", "..", "recipes", "quickstart.json"));
    }

    /// <summary>Keeps what is written and tells of it after every line.</summary>
    private sealed class Listener(Action<string> heard) : StringWriter(CultureInfo.InvariantCulture)
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            heard(ToString());
        }
    }
}
