namespace CramGrains.Silo.Devices;

internal sealed partial class TrainerGrain
{
    [LoggerMessage(EventId = 1303, Level = LogLevel.Warning, Message = "{DeviceId}: looking after epoch {Epoch} failed; trying again")]
    private static partial void LogTickFailed(ILogger logger, Exception problem, string deviceId, long epoch);
}
