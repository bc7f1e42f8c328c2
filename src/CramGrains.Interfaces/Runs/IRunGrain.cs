using Orleans.Concurrency;

namespace CramGrains.Interfaces.Runs;

/// <summary>One run, by its id: owns its life cycle and its history. All calls are short.</summary>
[Alias("cram.IRunGrain")]
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Validates, makes durable and queues the run; idempotent by run id.</summary>
    [Alias("Submit")]
    Task<SubmitOutcome> SubmitAsync(SubmitRun request);

    /// <summary>The run as it stands, or null when there is no such run.</summary>
    [Alias("Get"), AlwaysInterleave]
    Task<RunView?> GetAsync();

    /// <summary>The result so far, or null when there is no such run.</summary>
    [Alias("GetReport"), AlwaysInterleave]
    Task<RunReport?> GetReportAsync();

    /// <summary>Records the wish to end the run; it ends soon after. Asking again changes nothing.</summary>
    [Alias("Cancel")]
    Task<CommandOutcome> CancelAsync(string user);

    /// <summary>Records a command; durable when it returns, carried out soon after. The same command id again gives the same answer and changes nothing.</summary>
    [Alias("Command")]
    Task<CommandOutcome> CommandAsync(RunCommand command);

    /// <summary>Updates after <paramref name="cursor"/> (0 for the present state first), until the run has ended or the caller stops.</summary>
    [Alias("Watch"), AlwaysInterleave]
    IAsyncEnumerable<RunUpdate> WatchAsync(long cursor, CancellationToken cancellationToken = default);

    /// <summary>The run's log from byte <paramref name="cursor"/> on, at most 64 KiB of whole lines; empty text at the end.</summary>
    [Alias("ReadLog"), AlwaysInterleave]
    Task<LogChunk> ReadLogAsync(long cursor);
}
