using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Runs;

internal sealed partial class RunGrain
{
    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "Run {RunId}: {State}: {What}")]
    private static partial void LogState(ILogger logger, string runId, RunState state, string what);
}
