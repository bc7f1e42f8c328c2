namespace CramGrains.Silo.Scheduling;

internal sealed partial class SchedulerGrain
{
    [LoggerMessage(EventId = 1201, Level = LogLevel.Information, Message = "{ItemId} gets {DeviceId} under lease epoch {Epoch}")]
    private static partial void LogLease(ILogger logger, string itemId, string deviceId, long epoch);

    [LoggerMessage(EventId = 1202, Level = LogLevel.Warning, Message = "Refused to release {ItemId} for epoch {Epoch}: its lease has epoch {Current}")]
    private static partial void LogStaleRelease(ILogger logger, string itemId, long epoch, long current);
}
