using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Scheduling;

/// <summary>
/// The runs that have ended, in pages: only the last page is ever written to, so that the end of a run costs the same after ten runs and after a million.
/// Used from one turn at a time.
/// </summary>
internal sealed class EndedHistory
{
    /// <summary>Runs on a page. The first page may be longer: earlier versions had only that.</summary>
    public const int PageSize = 256;

    private readonly List<EndedRuns> _pages;
    private readonly Dictionary<string, EndedRun> _byId = new(StringComparer.Ordinal);
    private readonly SortedSet<int> _unwritten = [];
    private readonly Func<int, EndedRuns, Task> _write;
    private readonly GroupCommit _commit;
    private readonly int _pageSize;

    /// <param name="pages">What is stored, first page first.</param>
    /// <param name="write">Writes one page; throws when that failed.</param>
    /// <param name="pageSize">Runs on a page that is begun from now on.</param>
    public EndedHistory(IEnumerable<EndedRuns> pages, Func<int, EndedRuns, Task> write, int pageSize = PageSize)
    {
        (_pages, _write, _pageSize, _commit) = ([.. pages], write, pageSize, new GroupCommit(WriteAsync));
        foreach (EndedRun run in _pages.SelectMany(p => p.Runs))
        {
            Index(run);
        }
    }

    /// <summary>Each run once, in its last life.</summary>
    public IReadOnlyCollection<EndedRun> Runs => _byId.Values;

    /// <summary>How a page is called in the store.</summary>
    public static string NameOf(int page) => page == 0 ? "ended-runs" : $"ended-runs-{page}";

    /// <summary>Reads pages until there is no further one.</summary>
    /// <param name="read">Reads one page; null where there is none.</param>
    public static async Task<List<EndedRuns>> ReadAsync(Func<int, Task<EndedRuns?>> read)
    {
        List<EndedRuns> pages = [];
        while (await read(pages.Count) is { } page)
        {
            pages.Add(page);
        }

        return pages;
    }

    /// <summary>Whether this life of the run, or a later one, has ended.</summary>
    public bool Knows(string runId, int life) => _byId.TryGetValue(runId, out EndedRun? run) && run.Life >= life;

    /// <summary>When a run that has ended was submitted; null when none of that id has.</summary>
    public DateTimeOffset? SubmittedAt(string runId) => _byId.TryGetValue(runId, out EndedRun? run) ? run.SubmittedAt : null;

    /// <summary>Adds a run; durable when it returns. An earlier life of it stays where it stands and counts no more.</summary>
    public Task AddAsync(EndedRun run)
    {
        if (_pages.Count == 0 || _pages[^1].Runs.Count >= _pageSize)
        {
            _pages.Add(new EndedRuns());
        }

        _pages[^1].Runs.Add(run);
        _unwritten.Add(_pages.Count - 1);
        Index(run);
        return _commit.SaveAsync();
    }

    /// <inheritdoc cref="GroupCommit.DurableAsync"/>
    public Task DurableAsync() => _commit.DurableAsync();

    private void Index(EndedRun run)
    {
        if (!_byId.TryGetValue(run.RunId, out EndedRun? known) || known.Life <= run.Life)
        {
            _byId[run.RunId] = run;
        }
    }

    private async Task WriteAsync()
    {
        // Lowest first: a reader stops at the first page that is not there.
        while (_unwritten.Count > 0)
        {
            int page = _unwritten.Min;
            _unwritten.Remove(page);
            await _write(page, _pages[page]);
        }
    }
}
