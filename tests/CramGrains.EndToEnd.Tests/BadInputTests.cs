using System.Net;
using System.Net.Sockets;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>What a user gets for input that cannot be used: an exit code that a script understands and a sentence that says what to do.</summary>
[Trait("Category", "EndToEnd")]
public sealed class BadInputTests(RunningHome running) : IClassFixture<RunningHome>
{
    private readonly Home _home = running.Home;

    [Fact]
    public async Task Submit_WrongCommandLineOrRecipe_IsRefusedAtOnce()
    {
        var corpus = SampleText.Write(_home.Folder, 200_000);
        var before = await CountRunsAsync();
        await RefusedAsync("there is no such file", "submit", Recipes.Tiny, "--corpus", "/no/such/file.txt");
        await RefusedAsync("there is no such file", "submit", "/no/such/recipe.json");
        await RefusedAsync("training.nonsense", "submit", Recipes.Tiny, "--corpus", corpus, "--set", "training.nonsense=1");
        await RefusedAsync("training.mask_fraction must be in (0, 1)", "submit", Recipes.Tiny, "--corpus", corpus, "--set", "training.mask_fraction=25");
        await RefusedAsync("budget", "submit", Recipes.Tiny, "--corpus", corpus, "--budget", "0s");
        await RefusedAsync("There is no run", "show", "r-of-nobody");
        await RefusedAsync("RUN is empty", "show", "");
        await RefusedAsync("--corpus is empty", "submit", Recipes.Tiny, "--corpus", "");
        await RefusedAsync("--after is empty", "submit", Recipes.Tiny, "--corpus", corpus, "--after", "");
        await RefusedAsync("--budget must be a positive number", "submit", Recipes.Tiny, "--corpus", corpus, "--budget", "Infinitys");
        await RefusedAsync("--limit must be 1 or more", "runs", "--limit", "0");
        await RefusedAsync("'many'", "runs", "--limit", "many");
        Assert.Equal(before, await CountRunsAsync());
    }

    [Fact]
    public async Task Submit_WrongGlueFile_IsRefusedBeforeAnyTraining()
    {
        var corpus = SampleText.Write(_home.Folder, 200_000);
        var glue = SampleGlue.Write(_home.Folder);
        var dev = Path.Combine(glue, "MRPC", "dev.tsv");
        var good = await File.ReadAllTextAsync(dev, TestContext.Current.CancellationToken);

        await File.WriteAllTextAsync(dev, good.Replace("Quality", "Label", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await RefusedAsync("Quality", "submit", Recipes.Tiny, "--corpus", corpus, "--glue", glue);
        await File.WriteAllTextAsync(dev, good.Replace("\n1\t", "\n7\t", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await RefusedAsync("'7'", "submit", Recipes.Tiny, "--corpus", corpus, "--glue", glue);
    }

    [Fact]
    public async Task Submit_UnusableCorpus_FailsTheRunWithItsReason()
    {
        await FailedAsync("is empty", "corpus-invalid", Write("empty.txt", []));
        await FailedAsync("zero byte", "corpus-invalid", Write("binary.txt", [.. "text"u8, 0, .. "more"u8]));
        await FailedAsync("iconv", "corpus-invalid", Write("latin1.txt", [.. "caf"u8, 0xE9, (byte)'\n']));
        await FailedAsync("vocabulary_size", "corpus-invalid", Write("words.txt", [.. "one two three\n\nfour five six\n"u8]));
        await FailedAsync("microbatch", "corpus-invalid", SampleText.Write(_home.Folder, 40_000), "--set", "training.microbatch_size=8192", "--set", "training.batch_size=8192");
    }

    [Fact]
    public async Task Submit_TrainingThatDiverges_FailsWithStepRateAndGradientNorm() =>
        // A decay above 1 / learning rate multiplies the weights at every step.
        await FailedAsync(
            "gradient norm", "non-finite-loss", SampleText.Write(_home.Folder, 200_000), "--budget", "30s",
            "--set", "training.optimizer.learning_rate=10", "--set", "training.optimizer.weight_decay=10");

    [Fact]
    public async Task Up_HomeOrPortThatCannotBeHad_SaysWhich()
    {
        var file = Write("a-file", []);
        var onFile = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), "up", "--home", Path.Combine(file, "home"))).Expect(2);
        Assert.Contains("not writable", onFile.Errors, StringComparison.Ordinal);

        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await using var other = new Home();
        Assert.Contains($"port {port} is in use", (await other.CramAsync("up", "--http-port", port)).Expect(2).Errors, StringComparison.Ordinal);

        // Found before the silo has opened its log.
        Assert.Contains("--http-port must be a port from 0 to 65535, got '99999'", (await other.CramAsync("up", "--http-port", "99999")).Expect(2).Errors, StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(other.Folder, "silo-settings.json"), """{ "cram": { "silo": { "Prot": 1 } } }""", TestContext.Current.CancellationToken);
        Assert.Contains("cram:silo:Prot is no setting", (await other.CramAsync("up")).Expect(2).Errors, StringComparison.Ordinal);
        File.Delete(Path.Combine(other.Folder, "silo-settings.json"));

        var second = await CramProcess.RunSiloAsync(TimeSpan.FromMinutes(4), "serve", "--home", _home.Folder);
        Assert.Contains("in use by another silo", second.Expect(2).Errors, StringComparison.Ordinal);
    }

    /// <summary>As on a full disk: what keeps the silo from starting keeps its log from saying why, too.</summary>
    [Fact]
    public async Task Up_HomeAndLogThatCannotBeWritten_SaysWhy()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no /dev/null.");
        string home = Path.Combine(_home.Folder, "full");
        Directory.CreateDirectory(Path.Combine(home, "logs"));
        File.CreateSymbolicLink(Path.Combine(home, "logs", "silo.log"), "/dev/null");
        Directory.CreateDirectory(Path.Combine(home, ".write-probe"));

        var refused = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), "up", "--home", home)).Expect(2);

        Assert.Contains($"home {home} is not writable", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runs_ClusterThatDoesNotAnswer_IsExitCodeThree()
    {
        var free = Write("unused", []); // a folder entry that no silo serves
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        var answer = await CramProcess.RunAsync(TimeSpan.FromMinutes(4), "runs", "--cluster", $"127.0.0.1:{port}", "--home", free);
        Assert.Contains($"127.0.0.1:{port}", answer.Expect(3).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runs_NameWithTabsAndLineBreaks_StaysInItsColumn()
    {
        var run = (await _home.CramAsync("submit", Recipes.Tiny, "--corpus", SampleText.Write(_home.Folder, 200_000), "--hold", "--detach", "--name", "a\tb\nc")).Expect(0).Output.Trim();
        var line = (await _home.CramAsync("runs")).Expect(0).Output.Split('\n').Single(line => line.StartsWith(run, StringComparison.Ordinal));
        Assert.Equal((10, "a b c"), (line.Split('\t').Length, line.Split('\t')[1]));
        (await _home.CramAsync("cancel", run)).Expect(0);
    }

    [Fact]
    public async Task Output_ThatCannotBeWritten_EndsTheCommand()
    {
        var full = await CramProcess.RunRedirectedAsync(TimeSpan.FromMinutes(4), "> /dev/full", "runs", "--home", _home.Folder);
        Assert.Contains("standard output cannot be written: No space left", full.Expect(130).Errors, StringComparison.Ordinal);

        var run = (await _home.CramAsync("submit", Recipes.Tiny, "--corpus", SampleText.Write(_home.Folder, 200_000), "--hold", "--detach")).Expect(0).Output.Trim();
        var watch = await CramProcess.RunRedirectedAsync(TimeSpan.FromMinutes(4), "| head -n 1", "watch", run, "--home", _home.Folder);
        Assert.Contains($"cram watch {run}", watch.Expect(0).Errors, StringComparison.Ordinal); // says how to come back
        (await _home.CramAsync("cancel", run)).Expect(0);
    }

    [Fact]
    public async Task Doctor_SiloProgramThatDoesNotStart_SaysWhich()
    {
        var text = Write("no-program", []);
        var answer = await CramProcess.RunAsync(TimeSpan.FromMinutes(4), new Dictionary<string, string> { ["CRAM_SILO"] = text }, "doctor", "--home", _home.Folder);
        Assert.Contains($"{text} does not start", answer.Expect(2).Errors, StringComparison.Ordinal);
    }

    private async Task RefusedAsync(string reason, params string[] arguments)
    {
        var refused = (await _home.CramAsync(arguments)).Expect(2);
        Assert.Contains(reason, refused.Errors, StringComparison.Ordinal);
    }

    private async Task FailedAsync(string message, string reason, string corpus, params string[] more)
    {
        var report = (await _home.CramAsync(["submit", Recipes.Tiny, "--corpus", corpus, "--json", .. more])).Expect(1).Json;
        Assert.Equal("failed", report.GetProperty("state").GetString());
        Assert.Equal(reason, report.GetProperty("reason").GetString());
        Assert.Contains(message, report.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private async Task<int> CountRunsAsync() => (await _home.CramAsync("runs", "--json")).Expect(0).Json.GetArrayLength();

    private string Write(string name, byte[] content)
    {
        var path = Path.Combine(_home.Folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
