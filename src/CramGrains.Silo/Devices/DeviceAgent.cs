using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Services;

namespace CramGrains.Silo.Devices;

/// <summary>The agent of one machine's devices; one on every silo, outside the grain directory.</summary>
[Alias("cram.IDeviceAgent")]
internal interface IDeviceAgent : IGrainService;

/// <summary>Finds the devices of this machine, takes up again what their workers were doing, and reports them to the scheduler for as long as the silo lives.</summary>
internal sealed partial class DeviceAgent(
    GrainId id,
    Orleans.Runtime.Silo silo,
    ILoggerFactory loggers,
    IGrainFactory grains,
    IOptions<SiloOptions> siloOptions,
    IOptions<DeviceOptions> options,
    DeviceInventory inventory,
    HomeFolder home,
    CramMetrics metrics,
    SiloClock clock) : GrainService(id, silo, loggers), IDeviceAgent
{
    private readonly ILogger _logger = loggers.CreateLogger<DeviceAgent>();
    private readonly CancellationTokenSource _stopping = new();
    private Task _reporting = Task.CompletedTask;

    public override Task Start()
    {
        _reporting = Task.Run(() => ReportAsync(_stopping.Token));
        return base.Start();
    }

    public override async Task Stop()
    {
        await _stopping.CancelAsync();
        await _reporting;
        _stopping.Dispose();
        await base.Stop();
    }

    private async Task ReportAsync(CancellationToken stopping)
    {
        string machine = siloOptions.Value.Machine;
        string listed = "";
        var adopted = new HashSet<string>();
        long? epoch = null;
        // Real time on purpose: this is a heartbeat, and a clock that tests hold still must not silence it.
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.ReportSeconds));
        do
        {
            try
            {
                (IReadOnlyList<DeviceReport> devices, IReadOnlyList<GpuReading> gpus) = await inventory.LookAsync();
                metrics.PublishGpus(devices, gpus);
                long highest = epoch ??= EpochsOfFiles.Highest(home);
                string list = string.Join(", ", devices.Select(d => d.Healthy ? d.DeviceId : $"{d.DeviceId} ({d.Message})"));
                if (list != listed)
                {
                    LogDevices(_logger, machine, listed = list);
                }

                foreach (DeviceReport device in devices.Where(d => !adopted.Contains(d.DeviceId)))
                {
                    await grains.GetGrain<ITrainerGrain>(device.DeviceId).AdoptAsync();
                    adopted.Add(device.DeviceId);
                }

                await grains.GetGrain<ISchedulerQueue>(SchedulerKey.Default).ReportDevicesAsync(machine, [.. devices.Select(d => d with { HighestEpoch = highest })]);
            }
            catch (Exception problem) when (!stopping.IsCancellationRequested)
            {
                LogReportFailed(_logger, problem, machine, clock.UtcNow);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
        }
        while (await NextAsync(timer, stopping));
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(EventId = 1401, Level = LogLevel.Information, Message = "Devices of {Machine}: {Devices}")]
    private static partial void LogDevices(ILogger logger, string machine, string devices);

    [LoggerMessage(EventId = 1402, Level = LogLevel.Warning, Message = "Reporting the devices of {Machine} failed at {At}; trying again")]
    private static partial void LogReportFailed(ILogger logger, Exception problem, string machine, DateTimeOffset at);
}
