using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Simulation;

/// <summary>A run's shell: the real <see cref="RunLife"/>, looked at every three seconds as its grain does.</summary>
internal sealed class SimRun(SimCluster cluster, SimMachine machine, string key) : SimActivation(cluster, machine, key), IRunSurroundings
{
    private const int StepsPerTick = 8;
    private RunRecord _state = new();
    private long _version;
    private long _lookAgainAt;
    private bool _looking;

    public RunLife Run { get; private set; } = null!;

    public string RunId => Key[SimGrains.RunPrefix.Length..];

    string IRunSurroundings.Owner => Key;

    ISchedulerQueue IRunSurroundings.Scheduler => new SimSchedulerProxy(Cluster, Machine);

    IBudgetClockGrain IRunSurroundings.Budget => new SimBudgetProxy(Cluster, Machine, RunId);

    public override void Activate()
    {
        (_state, _version) = (Cluster.Store.Read<RunRecord>(Key), Cluster.Store.VersionOf(Key));
        Run = new RunLife(_state, this, Cluster.Runs, Machine.Clock);
        KeepGoing();
    }

    public bool Holds(long epoch) => Run.Unfinished && _state.Pretraining.Holds(epoch);

    public void Wake()
    {
        _lookAgainAt = 0;
        KeepGoing();
    }

    public async Task<SubmitOutcome> SubmitAsync(SimSubmit submit)
    {
        SubmitOutcome outcome = await Run.SubmitAsync(submit.Request, request =>
        {
            // What acceptance reads from recipe and disk is not part of what is simulated; the rest is the record that it makes.
            _state.Request = request;
            _state.Name = request.RunId;
            _state.RecipeDigest = "digest";
            _state.RecipeJson = request.RecipeJson;
            _state.BudgetSeconds = request.BudgetSeconds!.Value;
            _state.State = RunState.Queued;
            _state.SubmittedAt = Machine.Clock.UtcNow;
            _state.HeldBy = request.Hold ? request.User : null;
            _state.Machine = submit.Machine;
            return Task.FromResult<IReadOnlyList<string>>([]);
        });
        KeepGoing();
        return outcome;
    }

    public async Task<CommandOutcome> CommandAsync(RunCommand command)
    {
        CommandOutcome outcome = await Run.CommandAsync(command);
        KeepGoing();
        return outcome;
    }

    ITrainerGrain IRunSurroundings.Trainer(string deviceId) => new SimTrainerProxy(Cluster, Machine, deviceId);

    ICorpusGrain IRunSurroundings.Corpus(string request) => new SimCorpus(_state.Machine);

    IGlueTaskGrain IRunSurroundings.GlueTask(string key) => throw new NotSupportedException("simulated runs are not fine-tuned");

    Task<RunView?> IRunSurroundings.OtherAsync(string runId) =>
        Cluster.CallAsync(Machine, SimGrains.RunPrefix + runId, a => Task.FromResult(((SimRun)a)._state.Request is null ? null : ((SimRun)a).Run.View()), interleaves: true);

    Task IRunSurroundings.SaveAsync() => SaveAsync(Key, _state, () => _version, v => _version = v);

    Task IRunSurroundings.ForgetReminderAsync() => Task.CompletedTask;

    void IRunSurroundings.LookRarely() => _lookAgainAt = Cluster.World.Now + 5000;

    void IRunSurroundings.ReadAgain()
    {
        LetGo();
        Cluster.CallAsync(Machine, Key, SimScheduler.Done<SimRun>(r => r.Wake())).Ignore();
    }

    void IRunSurroundings.LookOften() => _lookAgainAt = 0;

    void IRunSurroundings.Note(string text) => Cluster.World.Say($"{RunId}: {text}");

    void IRunSurroundings.Publish(bool milestone)
    {
        Cluster.World.Say(milestone ? "" : $"{RunId}: {_state.Message}");
        Cluster.World.Require(_state.State != RunState.Waiting || _state.Message.Length > 0, () => $"{RunId} waits and does not say why");
    }

    void IRunSurroundings.CountEnd(TerminationReason reason)
    {
    }

    void IRunSurroundings.PublishScore(GlueScore score)
    {
    }

    private void KeepGoing()
    {
        if (Run.Unfinished && !_looking)
        {
            _looking = true;
            Every(3000, async () =>
            {
                for (int step = 0; Run.Unfinished && Cluster.World.Now >= _lookAgainAt && step < StepsPerTick && await Run.AdvanceAsync(); step++)
                {
                }

                return _looking = Run.Unfinished;
            });
        }
    }

    /// <summary>A corpus that is always there.</summary>
    private sealed class SimCorpus(string machine) : ICorpusGrain
    {
        public Task<CorpusView> EnsureAsync(CorpusOrder order) =>
            Task.FromResult(new CorpusView(CorpusState.Ready, TerminationReason.None, "", machine, 1000, null, [], "corpus"));

        public Task ForgetAsync(string runId) => Task.CompletedTask;
    }
}

/// <param name="Request">What is asked for.</param>
/// <param name="Machine">The machine that has its data; empty for any.</param>
internal sealed record SimSubmit(SubmitRun Request, string Machine);
