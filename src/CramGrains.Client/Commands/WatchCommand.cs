using System.CommandLine;
using CramGrains.Client.Connection;

namespace CramGrains.Client.Commands;

/// <summary><c>cram watch</c>: follows a run to its end.</summary>
internal static class WatchCommand
{
    public static Command Create()
    {
        var run = RunArgument.Create();
        var command = new ExampleCommand(
            "watch", "Follows a run to its end and prints its report. Lost connections and restarted silos are waited for.",
            ("cram watch latest", "the run that was submitted last"), ("cram watch r-20260101-120000-abcde --json", "progress on standard error, the report on standard output"));
        command.Add(run);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            var runId = await session.ResolveRunAsync(parsed.GetRequiredValue(run));
            return await FollowAndReportAsync(session, runId, parsed.WantsJson(), cancellationToken);
        });
        return command;
    }

    /// <summary>Ctrl-C detaches: the run goes on, and so does a silo that this command started for it.</summary>
    public static async Task<int> FollowAndReportAsync(CramSession session, string runId, bool json, CancellationToken cancellationToken)
    {
        try
        {
            await RunEnd.FollowAsync(session, runId, json, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"Detached; the run goes on: cram watch {runId}");
            await session.KeepSiloAsync();
            return ExitCodes.Interrupted;
        }

        return await RunEnd.ReportAsync(session, runId, json);
    }
}
