using System.Runtime.CompilerServices;
using System.Text.Json;
using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Runs;

/// <summary>Owns the life cycle of one run. This part answers calls; <c>RunGrain.Advance.cs</c> brings the run forward.</summary>
[Immovable]
internal sealed partial class RunGrain : ReconcilingGrain<RunRecord>, IRunGrain, IRemindable
{
    private const string Watchdog = "watchdog";
    private static readonly TimeSpan WatchdogPeriod = TimeSpan.FromMinutes(1);

    private readonly HomeFolder _home;
    private readonly SiloClock _clock;
    private readonly CramMetrics _metrics;
    private readonly ILogger<RunGrain> _logger;
    private readonly RunFeed _feed;
    private readonly IRunLogs _logs;
    private readonly ISourceFinder _sources;
    private RunProgress? _progress;
    private DateTimeOffset _progressLoggedAt;

    public RunGrain(
        [PersistentState("run", StorageName)] IPersistentState<RunRecord> storage,
        IOptions<RunOptions> options,
        HomeFolder home,
        IRunLogs logs,
        ISourceFinder sources,
        SiloClock clock,
        CramMetrics metrics,
        ILogger<RunGrain> logger) : base(storage, options, logger)
    {
        _home = home;
        _clock = clock;
        _metrics = metrics;
        _logger = logger;
        _feed = new RunFeed(TimeSpan.FromSeconds(options.Value.HeartbeatSeconds));
        _logs = logs;
        _sources = sources;
    }

    protected override bool Unfinished => State.Request is not null && !State.Retired;

    private string RunId => this.GetPrimaryKeyString();

    private ISchedulerQueue Scheduler => GrainFactory.GetGrain<ISchedulerQueue>(SchedulerKey.Default);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _progress = State.Progress;
        if (Unfinished)
        {
            _feed.Publish(RunViews.View(RunId, State, _progress), milestone: true);
        }

        await base.OnActivateAsync(cancellationToken);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _metrics.RemoveRun(RunId);
        return Task.CompletedTask;
    }

    public async Task<SubmitOutcome> SubmitAsync(SubmitRun request)
    {
        if (State.Request is null)
        {
            IReadOnlyList<string> problems = await AcceptAsync(request);
            if (problems.Count > 0)
            {
                return new SubmitOutcome(RunId, false, problems);
            }

            await SaveAsync();
            AtomicFile.WriteText(_home.RunRecipe(RunId), State.RecipeJson + "\n");
            Note($"submitted by {request.User}: {State.Name}, recipe {State.RecipeDigest[..12]}");
        }
        else if (JsonSerializer.Serialize(State.Request) != JsonSerializer.Serialize(request))
        {
            return new SubmitOutcome(RunId, false, [$"run id {RunId} is taken by another run. Submit again without giving an id."]);
        }

        // From here on also for a run whose first answer was lost: each of these may be repeated.
        if (Unfinished)
        {
            await Scheduler.EnrollAsync(RunId, State.SubmittedAt);
            await this.RegisterOrUpdateReminder(Watchdog, WatchdogPeriod, WatchdogPeriod);
            KeepGoing();
        }

        return new SubmitOutcome(RunId, true, []);
    }

    public Task<RunView?> GetAsync() => Task.FromResult(State.Request is null ? null : RunViews.View(RunId, State, _progress));

    public Task<RunReport?> GetReportAsync() => Task.FromResult(State.Request is null ? null : RunViews.Report(RunId, State, _progress));

    public async Task<CommandOutcome> CancelAsync(string user)
    {
        if (State.Request is null)
        {
            return new CommandOutcome(false, $"there is no run {RunId}");
        }

        if (State.State.IsFinal())
        {
            return new CommandOutcome(State.State == RunState.Cancelled, $"run {RunId} has already ended: {Words.Of(State.State)}");
        }

        if (State.CancelledBy is null)
        {
            State.CancelledBy = user;
            State.Message = $"being cancelled by {user}";
            await SaveAsync();
            Note($"cancel asked for by {user}");
            Publish(milestone: true);
        }

        Resume();
        KeepGoing();
        return new CommandOutcome(true, $"run {RunId} is being cancelled");
    }

    public async IAsyncEnumerable<RunUpdate> WatchAsync(long cursor, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (State.Request is null)
        {
            yield break;
        }

        await foreach (RunUpdate update in _feed.FollowAsync(cursor, () => RunViews.View(RunId, State, _progress), cancellationToken))
        {
            yield return update;
        }
    }

    public Task<LogChunk> ReadLogAsync(long cursor) => _logs.ReadAsync(RunId, cursor);

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        KeepGoing();
        if (!Unfinished)
        {
            await ForgetReminderAsync();
        }
    }

    /// <summary>Fills the state from a request, in memory.</summary>
    /// <returns>The reasons why the run cannot be accepted; empty when it is.</returns>
    private async Task<IReadOnlyList<string>> AcceptAsync(SubmitRun request)
    {
        if (request.RunId != RunId || !RunIds.IsValid(RunId))
        {
            return [$"run id must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit, got '{request.RunId}'."];
        }

        (Recipe? recipe, IReadOnlyList<string> problems) = RecipeGate.Load(request);
        if (recipe is null)
        {
            return problems;
        }

        FoundSources found = await _sources.FindAsync(recipe, request.GlueFolder);
        if (found.CorpusRequest is null || found.Problems.Count > 0)
        {
            return found.Problems;
        }

        State.Request = request;
        State.Name = request.Name is { Length: > 0 } name ? name : recipe.Name;
        State.RecipeJson = RecipeJson.ToCanonicalJson(recipe);
        State.RecipeDigest = RecipeJson.Digest(recipe);
        State.BudgetSeconds = recipe.BudgetHours * 3600 ?? 0;
        State.State = RunState.Queued;
        State.Message = "accepted";
        State.SubmittedAt = _clock.UtcNow;
        State.CorpusRequest = found.CorpusRequest;
        State.Machine = found.Machine;
        State.Notices = [.. found.Glue.Notices];
        State.Glue =
        [
            .. from task in found.Glue.Tasks from seed in Enumerable.Range(0, recipe.FineTuning.Seeds) select new GlueItem { Task = task, Seed = recipe.Seed + seed },
        ];
        State.History = [new RunHistoryEntry(State.SubmittedAt, RunState.Queued, "accepted")];
        return [];
    }

    private void Note(string text) => _logs.Write(RunId, _clock.UtcNow, text);

    private void Publish(bool milestone)
    {
        RunView view = RunViews.View(RunId, State, _progress);
        _feed.Publish(view, milestone);
        if (view.State.IsFinal())
        {
            _metrics.RemoveRun(RunId);
        }
        else
        {
            _metrics.PublishRun(view);
        }
    }

    private async Task ForgetReminderAsync()
    {
        if (await this.GetReminder(Watchdog) is { } reminder)
        {
            await this.UnregisterReminder(reminder);
        }
    }
}
