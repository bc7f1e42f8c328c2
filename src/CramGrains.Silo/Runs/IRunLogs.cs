using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Runs;

/// <summary>The logs of runs: one line per event, UTC first, in one place whichever silo a run's grain lives on.</summary>
internal interface IRunLogs
{
    /// <summary>Adds a line; line breaks in it become spaces.</summary>
    void Write(string runId, DateTimeOffset at, string text);

    /// <summary>Whole lines from a byte offset on; a line that is still being written is left for the next time.</summary>
    Task<LogChunk> ReadAsync(string runId, long cursor);
}

/// <summary>Logs in the runs' folders; for a silo that is a cluster of its own.</summary>
internal sealed class FileRunLogs(HomeFolder home) : IRunLogs
{
    public void Write(string runId, DateTimeOffset at, string text) => new RunLog(home.RunLog(runId)).Write(at, text);

    public Task<LogChunk> ReadAsync(string runId, long cursor) => Task.FromResult(new RunLog(home.RunLog(runId)).Read(cursor));
}
