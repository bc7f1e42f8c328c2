using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Runs;

/// <summary>
/// The life of one run, without Orleans: each look at where it stands takes one durable step. Commands are in <c>RunLife.Commands.cs</c>, pretraining in
/// <c>RunLife.Pretraining.cs</c>, fine-tuning in <c>RunLife.FineTuning.cs</c>, what it remembers in <c>RunLife.Past.cs</c>. Used from one turn at a time.
/// </summary>
/// <param name="state">The run's durable memory.</param>
/// <param name="world">Everything around it.</param>
/// <param name="options">How runs are kept going.</param>
/// <param name="clock">The clock.</param>
internal sealed partial class RunLife(RunRecord state, IRunSurroundings world, RunOptions options, SiloClock clock)
{
    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromMinutes(1);
    private DateTimeOffset? _estimatedStart;
    private long? _waitsSince;
    private int? _enrolledLife;
    private (RunView View, RunReport Report)? _asStored;

    /// <summary>Progress of the current phase.</summary>
    public RunProgress? Progress { get; private set; } = state.Progress;

    /// <summary>Whether there is something to look after.</summary>
    public bool Unfinished => state.Request is not null && !state.Retired;

    private string RunId => world.RunId;

    private WorkPolicy Policy => new(
        state.Request!.User, state.HeldBy ?? state.PausedBy, state.Request.Requeue, state.Request.MaxAttempts,
        NeedsGpu: state.Request.MinGpuMemoryBytes is not null || state.Request.MinComputeCapability is not null,
        state.MinMemoryBytes, state.Request.MinComputeCapability ?? 0);

    /// <summary>The machine that has its data; null when any can get at them.</summary>
    private string? BoundTo => state.Machine.Length > 0 ? state.Machine : null;

    private ICorpusGrain Corpus => world.Corpus(state.CorpusRequest);

    /// <summary>The run as it stands.</summary>
    /// <remarks>It is asked for at any time; while a new state is being written, it is the old one, since nobody may be told of an end that a crash can take back.</remarks>
    public RunView View() => _asStored?.View ?? RunViews.View(RunId, state, Progress, _estimatedStart, EstimatedEnd);

    /// <summary>The result so far, under the same rule.</summary>
    public RunReport Report() => _asStored?.Report ?? RunViews.Report(RunId, state, Progress);

    /// <summary>Makes the run durable and known; may be repeated until it answers.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="accept">Fills the state from the request, and says why not.</param>
    public async Task<SubmitOutcome> SubmitAsync(SubmitRun request, Func<SubmitRun, Task<IReadOnlyList<string>>> accept)
    {
        if (state.Request is null)
        {
            IReadOnlyList<string> problems = await accept(request);
            if (problems.Count > 0)
            {
                return new SubmitOutcome(RunId, false, problems);
            }

            await world.SaveAsync();
            world.Note($"submitted by {request.User}: {state.Name}, recipe {state.RecipeDigest[..Math.Min(12, state.RecipeDigest.Length)]}");
        }
        else if (System.Text.Json.JsonSerializer.Serialize(state.Request) != System.Text.Json.JsonSerializer.Serialize(request))
        {
            return new SubmitOutcome(RunId, false, [$"run id {RunId} is taken by another run. Submit again without giving an id."]);
        }

        if (Unfinished)
        {
            await EnrollAsync();
        }

        return new SubmitOutcome(RunId, true, []);
    }

    /// <summary>Looks once and takes at most one step.</summary>
    /// <returns>True when there may be another step to take at once.</returns>
    public Task<bool> AdvanceAsync() => state switch
    {
        { State: var now } when now.IsFinal() => RetireAsync(),
        { CancelledBy: not null } => CancelStepAsync(),
        { State: RunState.Paused, PausedBy: not null } => RestAsync(),
        { State: RunState.Paused } => EnterAsync(state.PausedIn, "goes on after a pause"),
        { PausedBy: not null, State: not RunState.FineTuning } => PauseStepAsync(),
        { RequeuedBy: not null, State: RunState.Waiting or RunState.Pretraining } => RequeueStepAsync(),
        { State: RunState.Queued } => BeginAsync(),
        { State: RunState.Preparing } => PrepareAsync(),
        { State: RunState.Waiting or RunState.Pretraining } => PretrainAsync(),
        { State: RunState.FineTuning } => FineTuneAsync(),
        _ => throw new InvalidOperationException($"run {RunId} is in unknown state {state.State}"),
    };

    private Task<bool> RestAsync()
    {
        LookRarely();
        return Task.FromResult(false);
    }

    /// <summary>
    /// Waits. Whoever waits writes nothing, and so would never learn that a command was recorded by another activation, on a machine that had been taken for
    /// dead; now and then it reads its state again. Not while its machine is silent: for how long is only known in memory, and when that is long enough it writes.
    /// </summary>
    private void LookRarely()
    {
        world.LookRarely();
        if (state.Pretraining.Phase != AttemptPhase.Idle)
        {
            return;
        }

        _waitsSince ??= clock.Time.GetTimestamp();
        if (clock.Time.GetElapsedTime(_waitsSince.Value) > ReadAgainAfter)
        {
            _waitsSince = null;
            world.ReadAgain();
        }
    }

    private async Task<bool> BeginAsync()
    {
        if (_enrolledLife != state.Life)
        {
            await EnrollAsync(); // again, should the first answer have been lost with its silo
        }

        if (state.HeldBy is { } holder)
        {
            return Wait($"held by {holder} until it is released", null);
        }

        if (state.Request!.After is { } before)
        {
            RunView? other = await world.OtherAsync(before);
            if (other is null || other.State is RunState.Failed or RunState.Cancelled)
            {
                string how = other is null ? "is unknown" : $"ended as {Words.Of(other.State)} ({Words.Of(other.Reason)})";
                return await EndAsync(TerminationReason.DependencyFailed, $"{before}, after which it was to run, {how}");
            }

            if (other.State != RunState.Succeeded)
            {
                return Wait($"waits for {before} to succeed; that one is {Words.Of(other.State)}", other.EstimatedEnd);
            }
        }

        if (state.Life > 0)
        {
            await Corpus.ForgetAsync(RunId); // that it asked before, and was told of a failure: what was in the way may be gone
        }

        return await EnterAsync(RunState.Preparing, "preparing the corpus");
    }

    /// <summary>Makes the scheduler know of the run; it forgets it only when told that this life of it has ended.</summary>
    private async Task EnrollAsync()
    {
        int life = state.Life;
        await world.Scheduler.EnrollAsync(RunId, state.SubmittedAt, life);
        _enrolledLife = life;
    }

    private async Task<bool> PrepareAsync()
    {
        CorpusView corpus = await Corpus.EnsureAsync(new CorpusOrder(RunId, state.RecipeJson, state.Machine, state.SubmittedAt, state.Request!.GlueFolder, state.Request.Priority));
        switch (corpus.State)
        {
            case CorpusState.Ready:
                state.CorpusDigest = corpus.Digest;
                state.CorpusTokens = corpus.Tokens;
                state.Machine = corpus.Machine;
                AddNotices(corpus.Notices);
                return await EnterAsync(RunState.Waiting, "waits for a device to pretrain on");
            case CorpusState.Failed:
                return await EndAsync(corpus.Reason, $"the corpus could not be prepared: {corpus.Message}");
            default:
                Show(corpus.Message, corpus.Progress);
                return false;
        }
    }

    private DateTimeOffset? EstimatedEnd
    {
        get
        {
            DateTimeOffset? start = state.State switch
            {
                RunState.Pretraining => clock.UtcNow,
                RunState.Waiting or RunState.Queued => _estimatedStart,
                _ => null,
            };
            return state.BudgetSeconds > 0 ? start + TimeSpan.FromSeconds(Math.Max(0, state.BudgetSeconds - state.BudgetUsedSeconds)) : null;
        }
    }

    private async Task<bool> EnterAsync(RunState next, string message, TerminationReason reason = TerminationReason.None)
    {
        _asStored = (View(), Report());
        if (next.IsFinal())
        {
            (state.Reason, state.EndedAt) = (reason, clock.UtcNow);
        }

        state.State = next;
        state.Message = message;
        Remember(next, message);
        Progress = null;
        _estimatedStart = null;
        _waitsSince = null;
        await world.SaveAsync();
        _asStored = null;
        if (next.IsFinal())
        {
            world.CountEnd(reason);
        }

        Announce(message);
        return true;
    }

    private async Task<bool> EndAsync(TerminationReason reason, string message)
    {
        BudgetReading budget = await world.Budget.ReadAsync();
        state.BudgetUsedSeconds = Math.Max(state.BudgetUsedSeconds, budget.UsedSeconds);
        return await EnterAsync(TerminationReasons.FinalState(reason), message, reason);
    }

    /// <summary>Last steps of a run that has ended: nobody needs to look after it any more.</summary>
    private async Task<bool> RetireAsync()
    {
        await world.Scheduler.RunEndedAsync(RunId, state.Life);
        await world.ForgetReminderAsync();
        state.Retired = true;
        await world.SaveAsync();
        return false;
    }

    private void Announce(string message)
    {
        string reason = state.Reason == TerminationReason.None ? "" : $" ({Words.Of(state.Reason)})";
        world.Note($"{Words.Of(state.State)}{reason}: {message}");
        world.Publish(milestone: true);
    }

    private bool Wait(string why, DateTimeOffset? estimatedStart)
    {
        LookRarely();
        bool changed = _estimatedStart != estimatedStart;
        _estimatedStart = estimatedStart;
        if (!Show(why, Progress) && changed)
        {
            world.Publish(milestone: false);
        }

        return false;
    }

    /// <summary>Tells watchers what is going on, without a write: it is lost at a crash and found again at the next look.</summary>
    private bool Show(string message, RunProgress? progress)
    {
        if (message == state.Message && progress == Progress)
        {
            return false;
        }

        state.Message = message;
        Progress = progress;
        world.Publish(milestone: false);
        return true;
    }
}
