using System.Text.Json;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>Real processes, real signals: what a user's run goes through when its machine misbehaves.</summary>
[Trait("Category", "EndToEnd")]
public sealed class RecoveryTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Run_WorkerThenSiloKilled_FinishesWithItsBudgetIntact()
    {
        const double budget = 60; // long enough to be caught in mid-training on a machine that has other work too
        await using var home = new Home();
        (await home.CramAsync("up")).Expect(0);
        var corpus = SampleText.Write(home.Folder, 300_000);
        var submitted = (await home.CramAsync(
            "submit", Recipes.Tiny, "--corpus", corpus, "--budget", $"{budget}s", "--detach", "--json")).Expect(0).Json;
        var run = submitted.GetProperty("run_id").GetString()!;

        // The worker dies in mid-training, after its first checkpoint: the run goes on from there in a second attempt.
        await WaitForStepsAsync(home, run, beyond: 0);
        await WaitForCheckpointAsync(home, run);
        Home.Kill(WorkerOf(home, run));
        var second = await Home.WaitForAsync(
            "a second attempt that trains", Patience, () => home.ShowAsync(run), view => view.GetProperty("attempts").GetInt32() == 2 && Steps(view) > 0);

        // The silo dies; its worker trains on; a new silo takes it up without a third attempt.
        var worker = WorkerOf(home, run);
        Home.Kill(home.SiloProcessId);
        (await home.CramAsync("up")).Expect(0);
        (await home.CramAsync("watch", run)).Expect(0);
        Assert.Equal(worker, WorkerOf(home, run));
        var report = (await home.CramAsync("results", run, "--json")).Expect(0).Json;
        Assert.Equal("succeeded", report.GetProperty("state").GetString());
        Assert.Equal(2, report.GetProperty("attempts").GetInt32());
        Assert.True(report.GetProperty("optimizer_steps").GetInt64() > Steps(second));
        Assert.Equal(budget, report.GetProperty("budget_seconds").GetDouble());
        Assert.InRange(report.GetProperty("budget_used_seconds").GetDouble(), budget - 4, budget + 4);
        Assert.True(report.GetProperty("heldout_loss").GetDouble() < report.GetProperty("heldout_loss_initial").GetDouble() - 0.5);
    }

    [Fact]
    public async Task Run_NewestCheckpointAltered_ContinuesFromTheOneBeforeAndSaysSo()
    {
        await using var home = new Home();
        (await home.CramAsync("up")).Expect(0);
        var corpus = SampleText.Write(home.Folder, 300_000);
        var run = (await home.CramAsync("submit", Recipes.Tiny, "--corpus", corpus, "--budget", "45s", "--detach", "--json"))
            .Expect(0).Json.GetProperty("run_id").GetString()!;
        var checkpoints = await Home.WaitForAsync(
            "two checkpoints", Patience, () => Task.FromResult(Checkpoints(home, run)), folders => folders.Count >= 2);

        Home.Kill(WorkerOf(home, run));
        var newest = Checkpoints(home, run)[^1];
        FlipOneByte(Directory.GetFiles(newest, "*.safetensors").Order(StringComparer.Ordinal).First());

        (await home.CramAsync("watch", run)).Expect(0);
        var report = (await home.CramAsync("results", run, "--json")).Expect(0).Json;
        Assert.Equal("succeeded", report.GetProperty("state").GetString());
        Assert.Contains(report.GetProperty("notices").EnumerateArray(), notice => notice.GetString()!.Contains(Path.GetFileName(newest), StringComparison.Ordinal));
        Assert.True(checkpoints.Count >= 2);
    }

    private static int WorkerOf(Home home, string run)
    {
        var status = Directory.GetFiles(Path.Combine(home.Folder, "runs", run, "attempts"), "status.json", SearchOption.AllDirectories)
            .OrderBy(File.GetLastWriteTimeUtc).Last();
        using var document = JsonDocument.Parse(File.ReadAllText(status));
        return document.RootElement.GetProperty("process_id").GetInt32();
    }

    private static List<string> Checkpoints(Home home, string run)
    {
        var folder = Path.Combine(home.Folder, "runs", run, "checkpoints");
        return Directory.Exists(folder)
            ? [.. Directory.GetDirectories(folder, "step-*").Where(path => File.Exists(Path.Combine(path, "manifest.json"))).Order(StringComparer.Ordinal)]
            : [];
    }

    private static Task<List<string>> WaitForCheckpointAsync(Home home, string run) =>
        Home.WaitForAsync("a checkpoint", Patience, () => Task.FromResult(Checkpoints(home, run)), folders => folders.Count > 0);

    private static Task<JsonElement> WaitForStepsAsync(Home home, string run, long beyond) =>
        Home.WaitForAsync($"more than {beyond} optimizer steps", Patience, () => home.ShowAsync(run), view => Steps(view) > beyond);

    private static long Steps(JsonElement view) =>
        view.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Object
        && progress.TryGetProperty("optimizer_steps", out var steps) && steps.ValueKind == JsonValueKind.Number
            ? steps.GetInt64()
            : 0;

    private static void FlipOneByte(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2;
        var value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ 0x10));
    }
}
