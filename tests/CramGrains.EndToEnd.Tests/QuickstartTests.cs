using System.Text.Json;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>What a newcomer types first, and what Grafana sees of it.</summary>
[Trait("Category", "EndToEnd")]
public sealed class QuickstartTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>Shrinks the quickstart's recipe so that seconds are enough.</summary>
    private static readonly string[] Shrunk =
    [
        "--set", "corpus.vocabulary_size=128", "--set", "corpus.sequence_length=32", "--set", "architecture.layers=2", "--set", "architecture.hidden_size=48",
        "--set", "architecture.feed_forward_size=96", "--set", "fine_tuning.maximum_length=32",
    ];

    [Fact]
    public async Task Quickstart_OwnTextAndGlue_PrintsOneReportAndStopsTheSiloThatItStarted()
    {
        await using var home = new Home();
        var corpus = SampleText.Write(home.Folder, 200_000);
        var glue = SampleGlue.Write(home.Folder);

        var report = (await home.CramAsync(["quickstart", "--corpus", corpus, "--glue", glue, "--budget", "4s", "--json", .. Shrunk])).Expect(0).Json;

        Assert.Equal("succeeded", Text(report, "state"));
        Assert.Equal("completed", Text(report, "reason"));
        Assert.Equal(4, report.GetProperty("budget_seconds").GetDouble());
        Assert.InRange(report.GetProperty("budget_used_seconds").GetDouble(), 0.1, 8);
        Assert.Equal(1, report.GetProperty("attempts").GetInt32());
        Assert.True(report.GetProperty("optimizer_steps").GetInt64() > 0);
        Assert.True(report.GetProperty("tokens_seen").GetInt64() > 0);
        Assert.True(report.GetProperty("tokens_per_second").GetDouble() > 0);
        Assert.True(report.GetProperty("heldout_loss").GetDouble() < report.GetProperty("heldout_loss_initial").GetDouble());
        Assert.True(File.Exists(Path.Combine(Text(report, "checkpoint"), "manifest.json")));
        Assert.StartsWith("r-", Text(report, "run_id"), StringComparison.Ordinal);
        Assert.Equal(
            ["cola mcc", "mrpc accuracy", "mrpc f1"],
            report.GetProperty("glue").EnumerateArray().Select(score => $"{Text(score, "task")} {Text(score, "metric")}").Order());
        Assert.All(report.GetProperty("glue").EnumerateArray(), score => Assert.InRange(score.GetProperty("value").GetDouble(), -1, 1));
        Assert.Empty(report.GetProperty("averages").EnumerateArray()); // no average over tasks that were not run
        Assert.False(File.Exists(Path.Combine(home.Folder, "silo.json")), "the silo was left running");
    }

    [Fact]
    public async Task Metrics_WhileARunTrains_ShowItsProgressBudgetAndDevice()
    {
        await using var home = new Home();
        (await home.CramAsync("up")).Expect(0);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{home.HttpPort}") };
        Assert.Equal("Healthy", await http.GetStringAsync("/healthz", TestContext.Current.CancellationToken));

        var corpus = SampleText.Write(home.Folder, 200_000);
        var run = Text((await home.CramAsync("submit", Recipes.Tiny, "--corpus", corpus, "--budget", "60s", "--detach", "--json")).Expect(0).Json, "run_id");
        var scrape = await Home.WaitForAsync(
            "metrics of a run with a checkpoint", Patience, () => http.GetStringAsync("/metrics", TestContext.Current.CancellationToken),
            text => text.Contains("cram_checkpoint_age_seconds{", StringComparison.Ordinal));

        string[] ofTheRun =
        [
            "cram_run_tokens_total", "cram_run_tokens_per_second", "cram_run_loss", "cram_run_heldout_loss", "cram_run_learning_rate", "cram_run_gradient_norm",
            "cram_run_batch_size", "cram_run_budget_seconds", "cram_run_budget_used_seconds", "cram_run_budget_left_seconds",
            "cram_checkpoint_age_seconds", "cram_checkpoint_duration_seconds",
        ];
        Assert.All(ofTheRun, name => Assert.Contains(scrape.Split('\n'), line => line.StartsWith(name + "{", StringComparison.Ordinal) && line.Contains(run, StringComparison.Ordinal)));
        string[] ofTheSilo = ["cram_queue_depth", "cram_device_state", "cram_runs", "orleans_", "dotnet_gc_"];
        Assert.All(ofTheSilo, name => Assert.Contains(name, scrape, StringComparison.Ordinal));

        (await home.CramAsync("cancel", run)).Expect(0);
        await Home.WaitForAsync(
            "the series of the ended run to end", Patience, () => http.GetStringAsync("/metrics", TestContext.Current.CancellationToken),
            text => !text.Contains(run, StringComparison.Ordinal));
        Assert.Equal("cancelled", Text((await home.CramAsync("results", run, "--json")).Expect(1).Json, "state"));
    }

    private static string Text(JsonElement element, string property) => element.GetProperty(property).GetString()!;
}
