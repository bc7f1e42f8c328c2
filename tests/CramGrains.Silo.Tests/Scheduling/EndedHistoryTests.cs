using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>Ended runs in pages: what is written does not grow, and what was written is found again.</summary>
public sealed class EndedHistoryTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly Dictionary<int, EndedRun[]> _stored = [];
    private readonly List<(int Page, int Runs)> _writes = [];

    [Fact]
    public async Task AddAsync_ManyRuns_WritesOnlyTheLastPage()
    {
        EndedHistory history = await OpenAsync();
        for (int i = 0; i < 1000; i++)
        {
            await history.AddAsync(new EndedRun($"r{i}", Noon));
        }

        Assert.All(_writes, w => Assert.InRange(w.Runs, 1, EndedHistory.PageSize));
        Assert.Equal([0, 1, 2, 3], _stored.Keys.Order());
        Assert.Equal(_writes.Select(w => w.Page).Order(), _writes.Select(w => w.Page));
        Assert.Equal(1000, (await OpenAsync()).Runs.Count);
    }

    [Fact]
    public async Task ReadAsync_OneLongPageOfAnEarlierVersion_StaysAndIsFollowedByOthers()
    {
        _stored[0] = [.. Enumerable.Range(0, 5000).Select(i => new EndedRun($"old{i}", Noon))];
        await (await OpenAsync()).AddAsync(new EndedRun("new", Noon));

        Assert.Equal([(1, 1)], _writes);
        EndedHistory again = await OpenAsync();
        Assert.Equal(5001, again.Runs.Count);
        Assert.True(again.Knows("old4999", 0) && again.Knows("new", 0));
        Assert.Equal("ended-runs", EndedHistory.NameOf(0)); // as that version called it
    }

    [Fact]
    public async Task Knows_RunThatEndedAgainInALaterLife_CountsOnceAndInItsLast()
    {
        EndedHistory history = await OpenAsync();
        await history.AddAsync(new EndedRun("r", Noon));
        Assert.Equal((true, false), (history.Knows("r", 0), history.Knows("r", 1)));
        await history.AddAsync(new EndedRun("r", Noon, 1));

        EndedHistory again = await OpenAsync();
        Assert.Equal((true, true, false), (again.Knows("r", 0), again.Knows("r", 1), again.Knows("r", 2)));
        Assert.Equal(1, Assert.Single(again.Runs).Life);
    }

    private async Task<EndedHistory> OpenAsync() => new(
        await EndedHistory.ReadAsync(page => Task.FromResult(_stored.TryGetValue(page, out EndedRun[]? runs) ? new EndedRuns { Runs = [.. runs] } : null)),
        (page, runs) =>
        {
            _stored[page] = [.. runs.Runs];
            _writes.Add((page, runs.Runs.Count));
            return Task.CompletedTask;
        });
}
