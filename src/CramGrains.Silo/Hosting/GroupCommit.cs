namespace CramGrains.Silo.Hosting;

/// <summary>
/// One write at a time of a state that many change: whoever asks while a write is under way joins the next one, and each is answered when a write that
/// began after its change is done. So a burst of changes costs two writes, however many they are.
/// </summary>
/// <remarks>
/// When a write fails, all who wait for it fail with it, and so do those who have joined the next and all who come later: what is in memory is no longer
/// what is stored, and whoever holds it must give way. Used from one turn at a time.
/// </remarks>
/// <param name="write">Writes the whole state as it is when it is called.</param>
internal sealed class GroupCommit(Func<Task> write)
{
    // Each who waits has a task of its own: several on one might go on in any order and on any thread, and the simulation knows but one.
    private List<TaskCompletionSource> _joining = [];
    private List<TaskCompletionSource> _underWay = [];
    private Exception? _failure;
    private bool _writing;
    private bool _changed;

    /// <summary>To be called in the same turn as the change.</summary>
    /// <returns>Ends when the change is durable.</returns>
    public Task SaveAsync()
    {
        if (_failure is not null)
        {
            return Task.FromException(_failure);
        }

        _changed = true;
        Task mine = Join(_joining);
        if (!_writing)
        {
            _ = WriteAsync();
        }

        return mine;
    }

    /// <summary>For answers that change nothing but tell what they have read.</summary>
    /// <returns>Ends when every change made so far is durable; at once when none is on its way.</returns>
    public Task DurableAsync() => _failure is not null ? Task.FromException(_failure)
        : _changed ? Join(_joining)
        : _underWay.Count > 0 ? Join(_underWay)
        : Task.CompletedTask;

    private static Task Join(List<TaskCompletionSource> batch)
    {
        var mine = new TaskCompletionSource();
        batch.Add(mine);
        return mine.Task;
    }

    private async Task WriteAsync()
    {
        _writing = true;
        while (_changed)
        {
            (_underWay, _joining, _changed) = (_joining, [], false);
            try
            {
                await write();
            }
            catch (Exception problem)
            {
                _failure = problem;
                List<TaskCompletionSource> failed = [.. _underWay, .. _joining];
                failed.ForEach(w => w.SetException(problem));
                return;
            }

            List<TaskCompletionSource> written = _underWay;
            _underWay = []; // before those who wait go on: they may ask again at once
            written.ForEach(w => w.SetResult());
        }

        _writing = false;
    }
}
