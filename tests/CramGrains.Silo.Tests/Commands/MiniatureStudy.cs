using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>AdamW against Muon by budgets of tokens, so that everything but the clock is the same every time, and its uninterrupted run, made once.</summary>
public sealed class MiniatureStudy : IDisposable
{
    private Outcome? _outcome;

    public MiniatureStudy()
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

    internal static JsonElement Json(string folder) => JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "study.json"))).RootElement;

    /// <summary>Final held-out losses by cell.</summary>
    internal static Dictionary<string, double> Cells(string folder) => Json(folder).GetProperty("cells").EnumerateArray().ToDictionary(
        result => Name(result.GetProperty("cell")), result => result.GetProperty("held_out_final").GetDouble());

    internal static List<(string, double)> Glue(string folder) => [.. Json(folder).GetProperty("glue").EnumerateArray()
        .Select(result => ($"{Name(result.GetProperty("cell"))} {result.GetProperty("setting")} {result.GetProperty("seed")} {result.GetProperty("choice")}", result.GetProperty("scores")[0].GetProperty("value").GetDouble()))
        .Order()];

    /// <summary>All but the seconds, which are the clock's.</summary>
    internal static List<string> Curves(string folder) => [.. File.ReadAllLines(Path.Combine(folder, "curves.csv")).Select(line => string.Join(',', line.Split(',').Where((_, column) => column != 3)))];

    private static string Name(JsonElement cell) => new Model.Studies.StudyCell(
        Enum.Parse<Model.Studies.StudyPart>(cell.GetProperty("part").GetString()!, ignoreCase: true), cell.GetProperty("variant").GetString()!, cell.GetProperty("budget").GetString()!,
        cell.GetProperty("seed").GetInt32(), cell.GetProperty("grid_value") is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : null, cell.GetProperty("without").GetString()).Name;

    internal static Outcome Call(string[] arguments, Func<string, bool>? interruptOn = null)
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
