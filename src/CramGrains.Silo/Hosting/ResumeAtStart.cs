using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Hosting;

/// <summary>Once the silo is up: wakes every run that has not ended, as after a power cut nothing else would.</summary>
internal sealed partial class ResumeAtStart(IGrainFactory grains, ILogger<ResumeAtStart> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                IReadOnlyList<string> runs = await grains.GetGrain<ISchedulerQueue>(SchedulerKey.Default).ActiveRunsAsync();
                foreach (string run in runs)
                {
                    // Both interfaces are of one grain; the public one names it.
                    await grains.GetGrain<IWorkOwner>(grains.GetGrain<IRunGrain>(run).GetGrainId()).WakeAsync();
                }

                LogResumed(logger, runs.Count);
                return;
            }
            catch (Exception problem) when (problem is OrleansException or TimeoutException)
            {
                LogNotYet(logger, problem);
                await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(EventId = 1501, Level = LogLevel.Information, Message = "{Runs} unfinished runs looked up")]
    private static partial void LogResumed(ILogger logger, int runs);

    [LoggerMessage(EventId = 1502, Level = LogLevel.Warning, Message = "Unfinished runs cannot be looked up yet; trying again")]
    private static partial void LogNotYet(ILogger logger, Exception problem);
}
