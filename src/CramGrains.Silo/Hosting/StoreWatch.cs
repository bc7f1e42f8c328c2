using StackExchange.Redis;

namespace CramGrains.Silo.Hosting;

/// <summary>Ends the silo when its store has come back without its data. Workers train on, checkpoint when their lease runs out, and wait for a store that remembers them.</summary>
internal sealed partial class StoreWatch(StoreIdentity store, Microsoft.Extensions.Options.IOptions<SiloOptions> silo, ILogger<StoreWatch> logger) : BackgroundService
{
    /// <summary>Exit code of a silo that has lost its store.</summary>
    public const int ExitCode = 4;

    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pace);
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(tick => tick.IsCompletedSuccessfully && tick.Result, TaskScheduler.Default))
        {
            try
            {
                if (await store.FindLossAsync() is { } loss)
                {
                    LogLost(logger, loss);
                    // At once: a stop in good order would write what this silo has in memory into a store that knows nothing of it.
                    Environment.Exit(ExitCode);
                }

                await store.ClaimAsync(silo.Value.Machine);
            }
            catch (Exception problem) when (problem is RedisException or TimeoutException)
            {
                LogSilent(logger, problem.Message);
            }
        }
    }

    [LoggerMessage(EventId = 1602, Level = LogLevel.Critical, Message = "{Loss} This silo ends; its workers go on until their lease runs out")]
    private static partial void LogLost(ILogger logger, string loss);

    [LoggerMessage(EventId = 1603, Level = LogLevel.Warning, Message = "The store does not answer: {Problem}")]
    private static partial void LogSilent(ILogger logger, string problem);
}
