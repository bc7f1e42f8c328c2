using System.Diagnostics;
using System.Text.Json;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary><c>cram data prepare</c> as processes that die and that run beside each other.</summary>
[Trait("Category", "EndToEnd")]
public sealed class DataPreparationTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly string _folder = Directory.CreateTempSubdirectory("cram-e2e-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Prepare_KilledAtAnyMoment_IsResumedToTheSameCorpus()
    {
        var text = WriteText();
        var expected = await PrepareAsync("whole", text);
        var partial = Path.Combine(_folder, "killed", expected.GetProperty("digest").GetString() + ".partial");

        // Moments that leave different things behind: nothing yet, words counted, rows half written, rows complete, shards half written.
        string[] moments = ["words-or-nothing", "vocab.txt", "training.spool", "encoding.journal", "training-00000.tokens"];
        var kills = 0;
        foreach (var moment in moments)
        {
            using var process = Start("killed", text);
            await Home.WaitForAsync(
                $"{moment} of a preparation", Limit, () => Task.FromResult(process.HasExited || (moment == moments[0] ? Directory.Exists(partial) : File.Exists(Path.Combine(partial, moment)))), seen => seen);
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                kills++;
            }

            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.True(kills >= 3, $"only {kills} of {moments.Length} preparations were still running");
        var resumed = await PrepareAsync("killed", text);
        Assert.Equal(expected.GetProperty("digest").GetString(), resumed.GetProperty("digest").GetString());
        var digest = expected.GetProperty("digest").GetString()!;
        Assert.Equal(
            await File.ReadAllTextAsync(Path.Combine(_folder, "whole", digest, "manifest.json"), TestContext.Current.CancellationToken),
            await File.ReadAllTextAsync(Path.Combine(_folder, "killed", digest, "manifest.json"), TestContext.Current.CancellationToken));
        (await CramProcess.RunSiloAsync(Limit, "data", "verify", digest, "--corpora", Path.Combine(_folder, "killed"))).Expect(0);
    }

    [Fact]
    public async Task Prepare_ThreeProcessesAtOnce_MakeTheCorpusOnce()
    {
        var text = WriteText();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => CramProcess.RunSiloAsync(Limit, Arguments("shared", text))));
        Assert.All(outcomes, outcome => outcome.Expect(0));
        Assert.Single(outcomes.Select(outcome => outcome.Json.GetProperty("digest").GetString()).Distinct());
        Assert.Single(outcomes, outcome => outcome.Errors.Contains("encoding ", StringComparison.Ordinal));
    }

    private async Task<JsonElement> PrepareAsync(string corpora, string text) => (await CramProcess.RunSiloAsync(Limit, Arguments(corpora, text))).Expect(0).Json;

    private Process Start(string corpora, string text)
    {
        var start = new ProcessStartInfo(CramProcess.SiloExecutable, Arguments(corpora, text)) { RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private string[] Arguments(string corpora, string text) =>
    [
        "data", "prepare", Recipes.Tiny, "--corpus", text, "--corpora", Path.Combine(_folder, corpora), "--threads", "1", "--json",
        "--set", "corpus.vocabulary_size=2000", "--set", "corpus.ordering=unigram", "--set", "corpus.repeated_text={\"minimum_bytes\":200}",
    ];

    /// <summary>About two megabytes of words, enough for a kill to find a preparation at work.</summary>
    private string WriteText()
    {
        var path = Path.Combine(_folder, "text.txt");
        var random = new Random(1);
        using var writer = new StreamWriter(path);
        for (var document = 0; document < 1200; document++)
        {
            for (var word = 0; word < 250; word++)
            {
                writer.Write(new string([.. Enumerable.Range(0, random.Next(2, 8)).Select(_ => "aeioulnrst"[random.Next(10)])]));
                writer.Write(word % 12 == 11 ? ". " : " ");
            }

            writer.Write("\n\n");
        }

        return path;
    }
}
