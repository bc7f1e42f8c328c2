using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Tests.Artefacts;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Runs;

/// <summary>A run that loses its device again and again, for days: what it remembers of that does not grow for ever.</summary>
public sealed class RunPastTests
{
    private const int Attempts = 1000;
    private const string Skipped = "GLUE tasks skipped because /glue lacks their files: rte.";
    private static readonly StateSerializer Store = new();
    private readonly RunRecord _state = new()
    {
        Request = new SubmitRun("r-1", null, "{}", "", [], null, [], null, "ada"),
        State = RunState.Waiting,
        RecipeDigest = "digest",
        CorpusRequest = "corpus",
        CorpusDigest = "corpus",
        Notices = [Skipped],
        History = [new RunHistoryEntry(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero), RunState.Queued, "accepted")],
    };

    private readonly RunLife _life;
    private long _epoch;
    private int _largest;

    public RunPastTests()
    {
        ISchedulerQueue scheduler = Answers.Make<ISchedulerQueue>(called =>
            called.Name == nameof(ISchedulerQueue.RequestAsync) ? Task.FromResult(new WorkTicket("m1/gpu0", ++_epoch, "")) : Task.FromResult(true));
        ITrainerGrain trainer = Answers.Make<ITrainerGrain>(called => called.Name == nameof(ITrainerGrain.StartAsync)
            ? Task.FromResult(new StartOutcome(true, "started"))
            : Task.FromResult<WorkerStatus?>(new(
                "r-1", _epoch, WorkerJob.Pretrain, 1, WorkerPhase.Ended, TerminationReason.LeaseExpired, "its lease ran out", 100, null, [$"Went on from step-{_epoch}."], null)));
        IBudgetClockGrain budget = Answers.Make<IBudgetClockGrain>(_ => Task.FromResult(new BudgetReading(true, _epoch, 100)));
        IRunSurroundings world = Answers.Make<IRunSurroundings>(called => called.Name switch
        {
            "get_RunId" or "get_Owner" => "r-1",
            "get_Scheduler" => scheduler,
            "get_Budget" => budget,
            nameof(IRunSurroundings.Trainer) => trainer,
            nameof(IRunSurroundings.SaveAsync) => Save(),
            _ => null!,
        });
        _life = new RunLife(_state, world, new RunOptions(), new SiloClock(new FakeTimeProvider(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero))));
    }

    [Fact]
    public async Task AdvanceAsync_ThousandAttemptsThatLoseTheirDevice_KeepsTheBeginningAndTheEnd()
    {
        await LoseAsync(100);
        int early = _largest;

        await LoseAsync(Attempts - 100);

        Assert.Equal(Attempts, _state.Pretraining.Number);
        Assert.True(_largest < 2 * early, $"{early:N0} bytes after 100 attempts, {_largest:N0} after {Attempts}");
        Assert.Equal("accepted", _state.History[0].Message);
        Assert.Equal("waits for a device to go on", _state.History[^1].Message);
        IReadOnlyList<string> notices = _life.View().Notices;
        Assert.Equal(Skipped, notices[0]);
        Assert.Equal($"Went on from step-{Attempts}.", notices[^2]);
        Assert.StartsWith($"pretraining attempt {Attempts} ended", notices[^1], StringComparison.Ordinal);
        Assert.Single(notices, n => n == "(Notices of a long run are left out here; `cram logs r-1` has them all.)");
        Assert.Equal(notices, _life.Report().Notices);
    }

    [Fact]
    public async Task View_FewNotices_LeavesNoneOut()
    {
        await LoseAsync(10);

        Assert.Equal(1 + (2 * 10), _life.View().Notices.Count);
    }

    /// <summary>As an earlier version left it.</summary>
    [Fact]
    public async Task AdvanceAsync_StateThatHasGrown_IsShortened()
    {
        _state.Notices = [.. Enumerable.Range(0, 5000).Select(i => $"notice {i}")];
        _state.History = [.. Enumerable.Range(0, 5000).Select(i => _state.History[0] with { Message = $"entry {i}" })];

        await LoseAsync(1);

        Assert.InRange(_state.Notices.Count, 50, 150);
        Assert.InRange(_state.History.Count, 50, 250);
        Assert.Equal(("notice 0", "entry 0"), (_state.Notices[0], _state.History[0].Message));
    }

    private async Task LoseAsync(int attempts)
    {
        for (long until = _epoch + attempts; _epoch < until || _state.State != RunState.Waiting || _state.Pretraining.Phase != AttemptPhase.Idle;)
        {
            await _life.AdvanceAsync();
        }
    }

    private Task Save()
    {
        _largest = Math.Max(_largest, Store.Serialize(_state).ToMemory().Length);
        return Task.CompletedTask;
    }
}
