using System.Diagnostics.Metrics;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace CramGrains.Silo.Tests.Telemetry;

/// <summary>What a scrape finds.</summary>
public sealed class CramMetricsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly CramMetrics _metrics;

    public CramMetricsTests() => _metrics = new CramMetrics(_services.GetRequiredService<IMeterFactory>());

    [Fact]
    public void Budget_OfTokens_HasNoSecondsToUseUpOrToOverrun()
    {
        _metrics.PublishRun(View("r-time", budgetSeconds: 60));
        _metrics.PublishRun(View("r-tokens", budgetSeconds: 0));

        Assert.Equal(["r-time 60"], Scrape("cram_run_budget_seconds", "run"));
        Assert.Equal(["r-time 50"], Scrape("cram_run_budget_left_seconds", "run"));
        Assert.Equal(["r-time 10", "r-tokens 10"], Scrape("cram_run_budget_used_seconds", "run"));
    }

    /// <summary>The alert asks for an increase: of a series that begins at 1 Prometheus sees none.</summary>
    [Fact]
    public void FenceRejections_BeforeTheFirst_AreZeroForEachKind()
    {
        Assert.Equal(["artefact 0", "budget 0", "release 0", "token 0"], Scrape("cram_fence_rejections", "what"));

        _metrics.FenceRejected("budget");

        Assert.Contains("budget 1", Scrape("cram_fence_rejections", "what"));
    }

    /// <summary>Of a loss that is no number there is no other trace: the run ends before it tells of it.</summary>
    [Fact]
    public void RunsEnded_BeforeTheFirst_AreZeroForEachReason()
    {
        Assert.Contains("non-finite-loss 0", Scrape("cram_runs_ended", "reason"));

        _metrics.RunEnded(TerminationReason.NonFiniteLoss);

        Assert.Contains("non-finite-loss 1", Scrape("cram_runs_ended", "reason"));
        Assert.Contains("completed 0", Scrape("cram_runs_ended", "reason"));
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _services.Dispose();
    }

    private static RunView View(string runId, double budgetSeconds) => RunViews.View(
        runId, new RunRecord { Request = new SubmitRun(runId, null, "{}", "recipe.json", [], null, [], null, "ada"), BudgetSeconds = budgetSeconds, BudgetUsedSeconds = 10 }, null);

    /// <summary>The label's value and the measurement of each series, in order.</summary>
    private List<string> Scrape(string name, string label)
    {
        List<string> series = [];
        object scope = _services.GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, reading) =>
        {
            if (instrument.Meter.Scope == scope && instrument.Name == name)
            {
                reading.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) => Add(value, tags));
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => Add(value, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. series.Order(StringComparer.Ordinal)];

        void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var (key, text) in tags)
            {
                if (key == label)
                {
                    series.Add(FormattableString.Invariant($"{text} {value}"));
                }
            }
        }
    }
}
