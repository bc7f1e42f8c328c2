using System.Diagnostics.Metrics;
using CramGrains.Cluster.Tests.Harness;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;
using Orleans.Runtime.Placement;

namespace CramGrains.Cluster.Tests;

/// <summary>What each silo tells its scrapers of the one scheduler.</summary>
[Trait("Category", "Cluster")]
public sealed class SchedulerMetricsTests
{
    [Fact]
    public async Task Devices_SchedulerHasMovedToAnotherSilo_AreToldByThatOneAlone()
    {
        await using Lab lab = await Lab.StartAsync(machines: 2);
        await lab.UntilFreeAsync();
        int before = DeviceSeries(lab, 0) > 0 ? 0 : 1;
        Assert.NotEqual(0, DeviceSeries(lab, before));

        RequestContext.Set(IPlacementDirector.PlacementHintKey, lab.Address(1 - before));
        await lab.Scheduler.Cast<IGrainManagementExtension>().MigrateOnIdle(TestContext.Current.CancellationToken);
        RequestContext.Clear();
        await Lab.UntilAsync(() => Task.FromResult(DeviceSeries(lab, 1 - before) > 0), () => "the other silo has the scheduler");

        await Lab.UntilAsync(() => Task.FromResult(DeviceSeries(lab, before) == 0), () => "the silo that had the scheduler tells of no devices any more");
    }

    private static int DeviceSeries(Lab lab, int silo)
    {
        int series = 0;
        object scope = lab.Services(silo).GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, reading) =>
        {
            if (instrument.Meter.Name == CramMetrics.MeterName && instrument.Meter.Scope == scope && instrument.Name == "cram_device_state")
            {
                reading.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((_, _, _, _) => series++);
        listener.Start();
        listener.RecordObservableInstruments();
        return series;
    }
}
