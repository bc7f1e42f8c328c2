using System.Runtime.CompilerServices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace CramGrains.Silo.Runs;

/// <summary>One run as a grain: what happens in its life is <see cref="RunLife"/>'s; this class stores it, answers calls and tells watchers. Acceptance is in <c>RunGrain.Accept.cs</c>.</summary>
/// <remarks>A run that goes on is kept in memory by its timer; one that has ended leaves it when nobody has asked for two minutes.</remarks>
[Immovable, CollectionAgeLimit(Minutes = 2)]
internal sealed partial class RunGrain : ReconcilingGrain<RunRecord>, IRunGrain, IRemindable, IRunSurroundings
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
    private RunLife _life = null!; // made on activation, when the state is there
    private bool _comesBack;

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
        (_logs, _sources) = (logs, sources);
    }

    protected override bool Unfinished => _life.Unfinished;

    protected override AttemptRecord Attempt => State.Pretraining;

    private string RunId => this.GetPrimaryKeyString();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _life = new RunLife(State, this, Options, _clock);
        if (Unfinished)
        {
            // What this silo's scrapers were told before is gone with the activation before; a run that rests would say nothing for days.
            Tell(_life.View(), milestone: true);
            if (!State.State.IsFinal())
            {
                State.Glue.SelectMany(g => g.Scores).ToList().ForEach(score => _metrics.PublishScore(RunId, score));
            }
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
        SubmitOutcome outcome = await _life.SubmitAsync(request, AcceptAsync);
        if (outcome.Accepted && Unfinished)
        {
            // Also for a run whose first answer was lost: each of these may be repeated.
            AtomicFile.WriteText(_home.RunRecipe(RunId), State.RecipeJson + "\n");
            await KeepComingBackAsync();
        }

        return outcome;
    }

    public Task<RunView?> GetAsync() => Task.FromResult(State.Request is null ? null : _life.View());

    public Task<RunReport?> GetReportAsync() => Task.FromResult(State.Request is null ? null : _life.Report());

    public Task<CommandOutcome> CancelAsync(string user) => CommandAsync(new RunCommand($"cancel-{user}-{State.Life}", RunCommandKind.Cancel, user));

    public async Task<CommandOutcome> CommandAsync(RunCommand command)
    {
        CommandOutcome outcome = await _life.CommandAsync(command);
        if (Unfinished)
        {
            await KeepComingBackAsync(); // a run that had ended and was queued again has no reminder any more
        }

        return outcome;
    }

    public async IAsyncEnumerable<RunUpdate> WatchAsync(long cursor, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (State.Request is null)
        {
            yield break;
        }

        await foreach (RunUpdate update in _feed.FollowAsync(cursor, _life.View, cancellationToken))
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

    protected override async Task<bool> AdvanceAsync()
    {
        if (!_comesBack && !State.State.IsFinal())
        {
            await KeepComingBackAsync(); // an embedded silo forgets its reminders, and one that was submitted to may have died before it made one
        }

        return await _life.AdvanceAsync();
    }

    private async Task KeepComingBackAsync()
    {
        await this.RegisterOrUpdateReminder(Watchdog, WatchdogPeriod, WatchdogPeriod);
        _comesBack = true;
        KeepGoing();
    }

    private async Task ForgetReminderAsync()
    {
        if (await this.GetReminder(Watchdog) is { } reminder)
        {
            await this.UnregisterReminder(reminder);
        }
    }
}
