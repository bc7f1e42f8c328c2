using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Scheduling;

internal sealed partial class SchedulerGrain
{
    [LoggerMessage(EventId = 1201, Level = LogLevel.Information, Message = "{ItemId} gets {DeviceId} under lease epoch {Epoch}")]
    private static partial void LogLease(ILogger logger, string itemId, string deviceId, long epoch);

    [LoggerMessage(EventId = 1202, Level = LogLevel.Warning, Message = "Refused to release {ItemId} for epoch {Epoch}: its lease has epoch {Current}")]
    private static partial void LogStaleRelease(ILogger logger, string itemId, long epoch, long current);

    [LoggerMessage(EventId = 1203, Level = LogLevel.Information, Message = "{ItemId} is told to give {DeviceId} back: {Reason}")]
    private static partial void LogEvicted(ILogger logger, string itemId, string deviceId, TerminationReason reason);

    [LoggerMessage(EventId = 1204, Level = LogLevel.Warning, Message = "Nobody holds the lease of {ItemId} with epoch {Epoch}; ended")]
    private static partial void LogOrphan(ILogger logger, string itemId, long epoch);

    [LoggerMessage(EventId = 1205, Level = LogLevel.Information, Message = "{User}: {Kind} {Target}: {Answer}")]
    private static partial void LogCommand(ILogger logger, string user, DeviceCommandKind kind, string target, string answer);

    [LoggerMessage(EventId = 1206, Level = LogLevel.Warning, Message =
        "Files of {Machine} carry lease epoch {Highest}, and the store knows of none after {Known}: it was put back from an older backup. Epochs go on after that of the files")]
    private static partial void LogEpochsRaised(ILogger logger, string machine, long highest, long known);
}
