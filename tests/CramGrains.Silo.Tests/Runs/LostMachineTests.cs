using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Tests.Artefacts;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Runs;

/// <summary>A run whose machine does not answer any more, with the settings that a silo has unless somebody changes them.</summary>
public sealed class LostMachineTests
{
    private static readonly RunOptions Options = new();
    private static readonly StateSerializer Store = new();
    private readonly FakeTimeProvider _time = new(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly IRunSurroundings _world;
    private RunRecord _state = new()
    {
        Request = new SubmitRun("r-1", null, "{}", "", [], null, [], null, "ada"),
        State = RunState.Pretraining,
        RecipeDigest = "digest",
        CorpusRequest = "corpus",
        CorpusDigest = "corpus",
        Pretraining = new AttemptRecord { Phase = AttemptPhase.Running, Epoch = 4, DeviceId = "m1/gpu0", Number = 1 },
    };

    private BinaryData _stored;
    private RunLife _life;
    private int _closed;

    public LostMachineTests()
    {
        ISchedulerQueue scheduler = Answers.Make<ISchedulerQueue>(_ => Task.FromResult(true));
        ITrainerGrain trainer = Answers.Make<ITrainerGrain>(_ => throw new OrleansException("no silo of machine 'm1' is up"));
        IBudgetClockGrain budget = Answers.Make<IBudgetClockGrain>(called =>
        {
            _closed += called.Name == nameof(IBudgetClockGrain.BeginAttemptAsync) ? 1 : 0;
            return Task.FromResult(new BudgetReading(true, 5, 100));
        });
        _world = Answers.Make<IRunSurroundings>(called => called.Name switch
        {
            "get_RunId" or "get_Owner" => "r-1",
            "get_Scheduler" => scheduler,
            "get_Budget" => budget,
            nameof(IRunSurroundings.Trainer) => trainer,
            nameof(IRunSurroundings.SaveAsync) => Save(),
            nameof(IRunSurroundings.ReadAgain) => Activate(),
            _ => null!,
        });
        _stored = Store.Serialize(_state);
        _life = Activate();
    }

    [Fact]
    public async Task AdvanceAsync_MachineSilentForSoLong_IsPlacedAnew()
    {
        var begun = _time.GetUtcNow();
        TimeSpan lost = TimeSpan.FromSeconds(Options.MachineLostSeconds), look = TimeSpan.FromSeconds(Options.WaitingPollSeconds);
        while (_state.State == RunState.Pretraining && _time.GetUtcNow() - begun < 2 * lost)
        {
            await _life.AdvanceAsync();
            _time.Advance(look);
        }

        Assert.Equal((RunState.Waiting, AttemptPhase.Idle), (_state.State, _state.Pretraining.Phase));
        Assert.InRange(_time.GetUtcNow() - begun, lost, lost + 4 * look);
        Assert.Equal(1, _closed); // closed to the lost attempt once; were that to begin again and again, the lease's length would too
    }

    private Task Save()
    {
        _stored = Store.Serialize(_state);
        return Task.CompletedTask;
    }

    /// <summary>As a grain's next activation: all that it knows is what was stored.</summary>
    private RunLife Activate()
    {
        _state = Store.Deserialize<RunRecord>(_stored);
        return _life = new RunLife(_state, _world, Options, new SiloClock(_time));
    }
}
