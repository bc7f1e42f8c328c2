using System.Runtime.CompilerServices;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Runs;

/// <summary>
/// What those who watch a run are told: every change of state and every notice, and the latest progress. Used from one grain's turns only.
/// </summary>
/// <remarks>Cursors are milliseconds of UTC where possible, so that they go on growing when a new activation starts an empty feed.</remarks>
internal sealed class RunFeed(TimeSpan heartbeat)
{
    private const int Kept = 256;

    private readonly List<(RunUpdate Update, bool Milestone)> _recent = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _cursor;

    /// <param name="view">The run now.</param>
    /// <param name="milestone">False for mere progress, of which only the latest is kept.</param>
    public void Publish(RunView view, bool milestone)
    {
        _cursor = Math.Max(_cursor + 1, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        if (_recent.Count > 0 && !_recent[^1].Milestone)
        {
            _recent.RemoveAt(_recent.Count - 1);
        }

        _recent.Add((new RunUpdate(_cursor, view), milestone));
        if (_recent.Count > Kept)
        {
            _recent.RemoveAt(0);
        }

        TaskCompletionSource changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }

    /// <summary>Updates after <paramref name="cursor"/>, with the present state first when that is 0 or from another activation's future.</summary>
    public async IAsyncEnumerable<RunUpdate> FollowAsync(long cursor, Func<RunView> now, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (cursor <= 0 || cursor > _cursor || _recent.Count == 0)
        {
            RunView present = now();
            cursor = _cursor;
            yield return new RunUpdate(cursor, present);
            if (present.State.IsFinal())
            {
                yield break;
            }
        }

        while (true)
        {
            Task changed = _changed.Task;
            foreach (RunUpdate update in _recent.Where(r => r.Update.Cursor > cursor).Select(r => r.Update).ToList())
            {
                cursor = update.Cursor;
                yield return update;
                if (update.View.State.IsFinal())
                {
                    yield break;
                }
            }

            if (now() is { } view && view.State.IsFinal() && cursor >= _cursor)
            {
                yield break;
            }

            if (_cursor <= cursor && !await ChangedAsync(changed, cancellationToken))
            {
                yield return new RunUpdate(cursor, now());
            }
        }
    }

    /// <returns>False when the heartbeat is due first.</returns>
    private async Task<bool> ChangedAsync(Task changed, CancellationToken cancellationToken)
    {
        try
        {
            await changed.WaitAsync(heartbeat, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
