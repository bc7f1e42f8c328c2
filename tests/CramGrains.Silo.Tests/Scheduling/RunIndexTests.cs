using CramGrains.Interfaces.Scheduling;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>Lists of runs by pages: every run once, newest first, whatever happens between two pages.</summary>
public sealed class RunIndexTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly Dictionary<string, DateTimeOffset> _active = [];
    private readonly EndedHistory _ended = new([], (_, _) => Task.CompletedTask);

    public RunIndexTests()
    {
        for (int i = 0; i < 1234; i++)
        {
            DateTimeOffset at = Noon.AddSeconds(i / 10); // ten of the same second: ids decide
            if (i % 7 == 0)
            {
                _active[$"r{i:D4}"] = at;
            }
            else
            {
                _ended.AddAsync(new EndedRun($"r{i:D4}", at));
            }
        }
    }

    [Fact]
    public void Page_OneAfterTheOther_GivesEachRunOnceNewestFirst() =>
        Assert.Equal(Enumerable.Range(0, 1234).Reverse().Select(i => $"r{i:D4}"), All(new RunQuery(100)));

    [Fact]
    public void Page_RunsEndAndNewOnesComeBetweenPages_NoneIsLostOrTwice()
    {
        List<string> seen = [];
        for (RunQuery query = new(50); ;)
        {
            (IReadOnlyList<string> ids, string? next, _) = RunIndex.Page(_active, _ended, query);
            seen.AddRange(ids);
            if (next is null)
            {
                break;
            }

            string ends = _active.Keys.Order(StringComparer.Ordinal).First();
            _ended.AddAsync(new EndedRun(ends, _active[ends]));
            _active[$"new{seen.Count}"] = Noon.AddDays(1);
            if (seen.Count % 100 == 0)
            {
                _active.Remove(ends); // otherwise it is in both, as it is while it moves
            }

            query = query with { After = next };
        }

        Assert.Equal(1234, seen.Count);
        Assert.Equal(1234, seen.Distinct().Count());
    }

    [Fact]
    public void Page_UnfinishedOnly_AndIdPrefix_AreHeeded()
    {
        Assert.Equal(_active.Keys.OrderDescending(StringComparer.Ordinal), All(new RunQuery(10, UnfinishedOnly: true)));
        Assert.Equal(Enumerable.Range(120, 10).Reverse().Select(i => $"r{i:D4}"), All(new RunQuery(3, IdPrefix: "r012")));
    }

    [Fact]
    public void Page_LimitBeyondTheLargest_IsCut() =>
        Assert.Equal(RunQuery.LargestLimit, RunIndex.Page(_active, _ended, new RunQuery(1_000_000)).Ids.Count);

    [Fact]
    public void Page_LastPage_SaysSo()
    {
        Assert.Null(RunIndex.Page(_active, _ended, new RunQuery(100, IdPrefix: "r000")).Next);
        Assert.Null(RunIndex.Page(_active, _ended, new RunQuery(10, IdPrefix: "r000")).Next); // exactly as many as there are
        Assert.Equal("r0001", RunIndex.Page(_active, _ended, new RunQuery(9, IdPrefix: "r000")).Next);
    }

    [Fact]
    public void Page_AfterARunThatIsNotThere_SaysSo() =>
        Assert.Equal("there is no run 'nobody' to list from. Give the last run of the page before.", RunIndex.Page(_active, _ended, new RunQuery(10, "nobody")).Problem);

    private List<string> All(RunQuery query)
    {
        List<string> all = [];
        for (string? next = ""; next is not null;)
        {
            (IReadOnlyList<string> ids, next, string? problem) = RunIndex.Page(_active, _ended, query);
            Assert.Null(problem);
            Assert.InRange(ids.Count, 0, query.Limit);
            all.AddRange(ids);
            query = query with { After = next };
        }

        return all;
    }
}
