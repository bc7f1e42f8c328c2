using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>The local commands write to the process' console, one after another.</summary>
[CollectionDefinition(nameof(ConsoleCollection), DisableParallelization = true)]
public sealed class ConsoleCollection : ICollectionFixture<TrainedRun>, ICollectionFixture<MiniatureStudy>;

/// <summary>A tiny run, pretrained by <c>cram pretrain</c> on text made here, and a folder of GLUE files; shared by the tests, which only add to it.</summary>
public sealed class TrainedRun : IDisposable
{
    private static readonly string[] Words = ["the", "film", "was", "good", "bad", "long", "story", "of", "a", "king", "and", "his", "sword", "in", "winter", "they", "sang"];

    public TrainedRun()
    {
        var random = new Random(1);
        string Sentence() => string.Join(' ', Enumerable.Range(0, random.Next(4, 12)).Select(_ => Words[random.Next(Words.Length)])) + " .";
        File.WriteAllText(Text, string.Join("\n\n", Enumerable.Range(0, 400).Select(_ => $"{Sentence()}\n{Sentence()}\n{Sentence()}")));
        Directory.CreateDirectory(Path.Combine(Glue, "CoLA"));
        foreach (string file in (string[])["train.tsv", "dev.tsv"])
        {
            File.WriteAllLines(
                Path.Combine(Glue, "CoLA", file), Enumerable.Range(0, 160).Select(i => string.Create(CultureInfo.InvariantCulture, $"gj04\t{i % 2}\t*\tthe story was {(i % 2 == 0 ? "bad" : "good")} {Words[i % 7]}")));
        }

        Pretraining = Pretrain();
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("cram-local-").FullName;

    public string Text => Path.Combine(Root, "text.txt");

    public string Glue => Path.Combine(Root, "glue");

    public string Run => Path.Combine(Root, "run");

    /// <summary>What the first call said.</summary>
    internal Outcome Pretraining { get; }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>Trains, or goes on.</summary>
    internal Outcome Pretrain() => Pretrain(Run);

    /// <summary>Trains another one, with other settings.</summary>
    internal Outcome Pretrain(string run, params string[] settings) => Call(
        PretrainCommand.Run, [Path.Combine(Repository(), "recipes", "quickstart.json"), "--out", run, "--corpus", Text, "--corpora", Path.Combine(Root, "corpora"), "--glue", Glue,
        "--budget", "4096tokens", "--device", "cpu", "--json", "--set", "architecture.layers=1", "--set", "architecture.hidden_size=32", "--set", "architecture.heads=2",
        "--set", "architecture.feed_forward_size=64", "--set", "corpus.vocabulary_size=70", "--set", "corpus.sequence_length=32", "--set", "training.microbatch_size=4", "--set",
        "training.batch_size=8", "--set", "held_out.rows=8", "--set", "fine_tuning.maximum_length=32", "--set", "fine_tuning.tasks=cola,rte", "--set", "fine_tuning.head_size=16",
        .. settings.SelectMany(setting => (string[])["--set", setting])]);

    /// <summary>Runs a local command with the console captured.</summary>
    internal static Outcome Call(Func<string[], int> command, params string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using StringWriter captured = new(CultureInfo.InvariantCulture), complaints = new(CultureInfo.InvariantCulture);
        Console.SetOut(captured);
        Console.SetError(complaints);
        try
        {
            return new(command(arguments), captured.ToString(), complaints.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    private static string Repository([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", "..", ".."));
}

/// <summary>How a command ended.</summary>
/// <param name="Code">Its exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record Outcome(int Code, string Output, string Error)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;
}
