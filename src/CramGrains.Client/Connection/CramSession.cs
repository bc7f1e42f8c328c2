using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;

namespace CramGrains.Client.Connection;

/// <summary>What a command works with: the cluster that it was told of, or a silo of this machine, started for the command if none runs.</summary>
internal sealed class CramSession : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly ClusterTarget _target;
    private ClusterConnection _connection;
    private SiloDescription? _started;

    private CramSession(ClusterTarget target, ClusterConnection connection, SiloDescription? started) =>
        (_target, _connection, _started) = (target, connection, started);

    /// <summary>Whether this command started the silo and so stops it at its end.</summary>
    public bool OwnsSilo => _started is not null;

    /// <summary>The silo at the other end.</summary>
    public SiloDescription Silo => _connection.Silo;

    /// <summary>The one scheduler.</summary>
    public ISchedulerGrain Scheduler => _connection.Grains.GetGrain<ISchedulerGrain>("default");

    /// <summary>Connects, starting a silo first where there is none and none was named.</summary>
    /// <exception cref="CommandException">There is no cluster, or a silo cannot start.</exception>
    public static async Task<CramSession> OpenAsync(ClusterTarget target, CancellationToken cancellationToken)
    {
        var silo = await target.FindAsync(cancellationToken);
        SiloDescription? started = null;
        if (silo is null)
        {
            await Console.Error.WriteLineAsync($"No silo serves {target.Home}; starting one for this command.");
            silo = started = await LocalSilo.StartAsync(target.Home, [], cancellationToken);
        }

        try
        {
            return new CramSession(target, await ClusterConnection.OpenAsync(silo, cancellationToken), started);
        }
        catch when (started is not null)
        {
            await LocalSilo.StopAsync(started);
            throw;
        }
    }

    /// <summary>One run.</summary>
    public IRunGrain Run(string runId) => _connection.Grains.GetGrain<IRunGrain>(runId);

    /// <summary>Lets the silo live on after this command.</summary>
    public async Task KeepSiloAsync()
    {
        if (_started is not null)
        {
            await Console.Error.WriteLineAsync($"The silo goes on in the background (process {_started.Pid}); stop it with: cram down --home {_target.Home}");
            _started = null;
        }
    }

    /// <summary>Connects anew after the silo was restarted; false while none is ready.</summary>
    public async Task<bool> TryReconnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await _target.FindAsync(cancellationToken) is not { } silo)
            {
                return false;
            }

            var connection = await ClusterConnection.OpenAsync(silo, cancellationToken);
            await _connection.DisposeAsync();
            _connection = connection;
            return true;
        }
        catch (CommandException)
        {
            return false;
        }
    }

    /// <summary>Asks until there is an answer: over lost connections and restarted silos. What is asked must bear being asked twice.</summary>
    /// <exception cref="CommandException">No silo has answered for two minutes.</exception>
    public async Task<T> AskAsync<T>(Func<CramSession, Task<T>> question, CancellationToken cancellationToken)
    {
        for (var asked = System.Diagnostics.Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await question(this);
            }
            catch (Exception problem) when (problem is Orleans.Runtime.OrleansException or TimeoutException or System.Net.Sockets.SocketException)
            {
                if (System.Diagnostics.Stopwatch.GetElapsedTime(asked) > Patience)
                {
                    throw new CommandException(
                        ExitCodes.NoCluster, $"No silo has answered for {Patience.TotalMinutes:F0} minutes ({problem.Message}). What was asked may or may not have been recorded; ask again.");
                }

                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
                await TryReconnectAsync(cancellationToken);
            }
        }
    }

    /// <summary>The run that a person means: its id, the beginning of one, its name, or <c>latest</c>.</summary>
    /// <exception cref="CommandException">None or several match.</exception>
    public async Task<string> ResolveRunAsync(string given)
    {
        if (await Run(given).GetAsync() is not null)
        {
            return given;
        }

        if (given == "latest" && (await Scheduler.PageRunsAsync(new RunQuery(1))).Runs is [var latest])
        {
            return latest.RunId;
        }

        // By id the scheduler finds them all; names it does not know, so that each run has to be asked.
        var matches = (await Scheduler.PageRunsAsync(new RunQuery(RunQuery.LargestLimit, IdPrefix: given))).Runs.Select(run => run.RunId).ToList();
        if (matches.Count == 0)
        {
            await foreach (var run in RunsAsync(new RunQuery(RunQuery.LargestLimit)))
            {
                if (run.Name == given)
                {
                    matches.Add(run.RunId);
                }
            }
        }

        return matches.Count switch
        {
            1 => matches[0],
            0 => throw new CommandException(ExitCodes.Usage, $"There is no run '{given}'. `cram runs` lists them; an id, its beginning, a name or 'latest' will do."),
            _ => throw new CommandException(ExitCodes.Usage, $"'{given}' fits {matches.Count} runs: {string.Join(", ", matches.Take(5))}. Give the id."),
        };
    }

    /// <summary>All runs that a query asks for, page by page.</summary>
    public async IAsyncEnumerable<RunView> RunsAsync(RunQuery query)
    {
        do
        {
            RunPage page = await Scheduler.PageRunsAsync(query);
            foreach (var run in page.Runs)
            {
                yield return run;
            }

            query = query with { After = page.Next };
        }
        while (query.After is not null);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        if (_started is not null && !await LocalSilo.StopAsync(_started))
        {
            await Console.Error.WriteLineAsync($"The silo (process {_started.Pid}) did not stop in time and was killed.");
        }
    }
}
