using System.Diagnostics.Metrics;
using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Telemetry;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace CramGrains.Cluster.Tests;

/// <summary>What a silo that has just started tells its scrapers of runs that are under way.</summary>
[Trait("Category", "Cluster")]
public sealed class RunMetricsTests
{
    [Fact]
    public async Task Runs_PausedOverARestart_AreStillCounted()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w =>
        {
            if (w.Assignment.Job != WorkerJob.Pretrain)
            {
                w.Complete();
            }
        };
        IRunGrain run = await lab.SubmitAsync(Requests.Submit(lab, "r-1"));
        await lab.WorkerAsync(WorkerJob.Pretrain);
        await run.CommandAsync(new RunCommand("c-1", RunCommandKind.Pause, "ada"));
        await lab.UntilAsync("r-1", RunState.Paused);
        await UntilAsync(lab, "cram_runs", "state", "paused 1");

        await lab.RestartAsync();

        await UntilAsync(lab, "cram_runs", "state", "paused 1");
    }

    [Fact]
    public async Task Scores_OfATaskDoneBeforeARestart_AreToldAgain()
    {
        await using Lab lab = await Lab.StartAsync();
        lab.Workers.Script = w =>
        {
            if (w.Assignment.GlueTask != "mrpc")
            {
                w.Complete();
            }
        };
        await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA", "MRPC")));
        await UntilAsync(lab, "cram_glue_score", "task", "cola 1.3");

        await lab.RestartAsync();

        await UntilAsync(lab, "cram_glue_score", "task", "cola 1.3");
    }

    private static Task UntilAsync(Lab lab, string name, string label, string series)
    {
        List<string> last = [];
        return Lab.UntilAsync(() => Task.FromResult((last = Scrape(lab, name, label)).Contains(series)), () => $"{name} tells of {series}; last seen: {string.Join(", ", last)}");
    }

    /// <summary>The label's value and the measurement of each series.</summary>
    private static List<string> Scrape(Lab lab, string name, string label)
    {
        List<string> series = [];
        object scope = lab.SiloServices.GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, reading) =>
        {
            if (instrument.Meter.Name == CramMetrics.MeterName && instrument.Meter.Scope == scope && instrument.Name == name)
            {
                reading.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((_, value, tags, _) => Add(value, tags));
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) => Add(value, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        return series;

        void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag.Key == label)
                {
                    series.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{tag.Value} {value}"));
                }
            }
        }
    }
}
