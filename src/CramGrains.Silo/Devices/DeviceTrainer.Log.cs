using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Devices;

internal sealed partial class DeviceTrainer
{
    [LoggerMessage(EventId = 1301, Level = LogLevel.Information, Message = "{DeviceId}: took up {RunId} again (epoch {Epoch})")]
    private static partial void LogAdopted(ILogger logger, string deviceId, string runId, long epoch);

    [LoggerMessage(EventId = 1302, Level = LogLevel.Warning, Message = "{DeviceId}: {RunId} of epoch {Epoch} is still here, but epoch {Newer} has the lease; ending it")]
    private static partial void LogSuperseded(ILogger logger, string deviceId, string runId, long epoch, long newer);

    [LoggerMessage(EventId = 1304, Level = LogLevel.Debug, Message = "{DeviceId}: the worker of {RunId} (epoch {Epoch}) did not take the new lease")]
    private static partial void LogLeaseNotRenewed(ILogger logger, string deviceId, string runId, long epoch);

    [LoggerMessage(EventId = 1305, Level = LogLevel.Warning, Message = "{DeviceId}: the worker of {RunId} (epoch {Epoch}) did not stop in time; killed")]
    private static partial void LogKilled(ILogger logger, string deviceId, string runId, long epoch);

    [LoggerMessage(EventId = 1306, Level = LogLevel.Information, Message = "{DeviceId}: {RunId} of epoch {Epoch} ended: {Reason}")]
    private static partial void LogEnded(ILogger logger, string deviceId, string runId, long epoch, TerminationReason reason);

    [LoggerMessage(EventId = 1307, Level = LogLevel.Warning, Message = "{DeviceId}: leave to start {RunId} (epoch {Epoch}) took longer than a lease to come; asking again")]
    private static partial void LogAnswerTooOld(ILogger logger, string deviceId, string runId, long epoch);
}
