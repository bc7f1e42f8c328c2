using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Commands;

/// <summary>Following a run to its end and printing its report.</summary>
internal static class RunEnd
{
    /// <summary>Shows the run until it ends.</summary>
    public static Task<RunView> FollowAsync(CramSession session, string runId, bool json, CancellationToken cancellationToken) =>
        RunDisplay.UsingAsync(json, display => RunFollower.FollowAsync(session, runId, display, cancellationToken));

    /// <summary>Prints the report.</summary>
    /// <returns>The exit code that the run's state means.</returns>
    /// <exception cref="CommandException">There is no such run.</exception>
    public static async Task<int> ReportAsync(CramSession session, string runId, bool json)
    {
        // As patient as the watching before it: a silo may go at any moment.
        var report = await session.AskAsync(s => s.Run(runId).GetReportAsync(), CancellationToken.None) ?? throw new CommandException(ExitCodes.Usage, $"There is no run {runId}.");
        if (json)
        {
            CramJson.Print(report);
        }
        else
        {
            ReportText.Print(report);
        }

        return ExitCode(report.State);
    }

    /// <summary>Failed and cancelled runs are 1; a run that goes on is no failure.</summary>
    public static int ExitCode(RunState state) => state is RunState.Failed or RunState.Cancelled ? ExitCodes.RunFailed : ExitCodes.Done;
}
