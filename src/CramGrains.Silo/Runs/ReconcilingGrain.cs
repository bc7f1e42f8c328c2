using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Runs;

/// <summary>A grain that owns a piece of work: it looks, takes one durable step, and looks again, until there is nothing left to do.</summary>
/// <remarks>Nothing long happens inside a call or depends on one activation: an activation that dies is brought back and looks afresh.</remarks>
internal abstract partial class ReconcilingGrain<TState>(
    IPersistentState<TState> storage, IOptions<RunOptions> options, ILogger logger) : DurableGrain<TState>(storage), IWorkOwner
{
    // Steps that follow each other at once; more wait for the next tick, so that other calls get their turn.
    private const int StepsPerTick = 8;

    private IGrainTimer? _timer;
    private long _lookAgainAt;

    protected RunOptions Options => options.Value;

    /// <summary>Whether there is something to look after.</summary>
    protected abstract bool Unfinished { get; }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        KeepGoing();
        return Task.CompletedTask;
    }

    public Task WakeAsync()
    {
        _lookAgainAt = 0;
        KeepGoing();
        return Task.CompletedTask;
    }

    /// <summary>The attempts at its work.</summary>
    protected abstract AttemptRecord Attempt { get; }

    public Task<bool> HoldsAsync(string itemId, long epoch) => Task.FromResult(Unfinished && Attempt.Holds(epoch));

    /// <summary>Looks once and takes at most one step.</summary>
    /// <returns>True when there may be another step to take at once.</returns>
    protected abstract Task<bool> AdvanceAsync();

    /// <summary>Starts looking, if there is something to look after.</summary>
    protected void KeepGoing()
    {
        if (Unfinished && _timer is null)
        {
            TimeSpan period = TimeSpan.FromSeconds(Options.TickSeconds);
            _timer = this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(TimeSpan.Zero, period) { KeepAlive = true });
        }
    }

    /// <summary>Looks less often from now on: whatever it waits for will wake it.</summary>
    protected void Pause() => _lookAgainAt = Environment.TickCount64 + (long)(Options.WaitingPollSeconds * 1000);

    /// <summary>Looks at every tick again.</summary>
    protected void Resume() => _lookAgainAt = 0;

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        if (!Unfinished || GaveWay)
        {
            _timer?.Dispose();
            _timer = null;
            return;
        }

        if (Environment.TickCount64 < _lookAgainAt)
        {
            return;
        }

        try
        {
            for (int step = 0; step < StepsPerTick && await AdvanceAsync(); step++)
            {
            }
        }
        catch (Orleans.Storage.InconsistentStateException conflict)
        {
            LogGaveWay(logger, conflict, this.GetPrimaryKeyString());
        }
        catch (Exception problem)
        {
            LogAdvanceFailed(logger, problem, this.GetPrimaryKeyString());
        }
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Warning, Message = "{Grain}: another activation owns the state; giving way")]
    private static partial void LogGaveWay(ILogger logger, Exception conflict, string grain);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Warning, Message = "{Grain}: a step failed; trying again")]
    private static partial void LogAdvanceFailed(ILogger logger, Exception problem, string grain);
}
