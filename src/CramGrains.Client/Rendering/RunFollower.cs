using System.Diagnostics;
using CramGrains.Client.Connection;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Rendering;

/// <summary>Follows a run to its end, over lost connections and restarted silos.</summary>
internal static class RunFollower
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    /// <summary>Shows every update until the run has ended.</summary>
    /// <returns>The run at its end.</returns>
    /// <exception cref="CommandException">No silo has answered for two minutes, or there is no such run.</exception>
    public static async Task<RunView> FollowAsync(CramSession session, string runId, RunDisplay display, CancellationToken cancellationToken)
    {
        var cursor = 0L;
        for (var heard = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                await foreach (var update in session.Run(runId).WatchAsync(cursor, cancellationToken).WithCancellation(cancellationToken))
                {
                    (cursor, heard) = (update.Cursor, Stopwatch.GetTimestamp());
                    display.Show(update.View);
                }

                if (await session.Run(runId).GetAsync() is not { } view)
                {
                    throw new CommandException(ExitCodes.Usage, $"There is no run {runId}.");
                }

                if (view.EndedAt is not null)
                {
                    display.Show(view);
                    return view;
                }
            }
            catch (Exception problem) when (problem is not (CommandException or OutputLostException) && !cancellationToken.IsCancellationRequested)
            {
                // The silo is gone or going; whatever the transport says, the answer is the same: ask again, elsewhere if need be.
                if (Stopwatch.GetElapsedTime(heard) > Patience)
                {
                    throw new CommandException(
                        ExitCodes.NoCluster, $"No silo has answered for {Patience.TotalMinutes:F0} minutes ({problem.Message}). The run itself is durable: cram watch {runId}");
                }

                await Task.Delay(Pace, cancellationToken);
                await session.TryReconnectAsync(cancellationToken);
            }
        }
    }
}
