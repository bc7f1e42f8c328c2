using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using CramGrains.Client;
using CramGrains.Client.Connection;
using CramGrains.EndToEnd.Tests.Harness;
using CramGrains.Interfaces.Runs;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>A lab on this machine: one Redis and several silo processes with a CPU each, as clients and service managers see them.</summary>
internal sealed class Lab : IAsyncDisposable
{
    /// <summary>Deadline of every wait; long, since it only costs time where something is wrong, and a machine may have much else to do.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly Dictionary<string, object> _cluster;
    private readonly Dictionary<string, object> _sections;
    private CramSession? _session;

    private Lab(RedisServer redis, Dictionary<string, object> cluster, Dictionary<string, object> sections) => (Redis, _cluster, _sections) = (redis, cluster, sections);

    public RedisServer Redis { get; }

    public string Folder { get; } = Directory.CreateTempSubdirectory("cram-lab-").FullName;

    public List<SiloProcess> Silos { get; } = [];

    public SiloProcess this[string machine] => Silos.Single(silo => silo.Machine == machine);

    /// <summary>Where clients find the silos that are up.</summary>
    public string Addresses => string.Join(',', Silos.Where(silo => silo.IsAlive && silo.Description is not null).Select(silo => silo.HttpAddress));

    /// <summary>Starts Redis and the silos <c>m1</c>, <c>m2</c> and so on, and waits until each has reported its device.</summary>
    /// <param name="machines">How many.</param>
    /// <param name="sharedFolder">Whether they keep corpora and checkpoints in one folder.</param>
    /// <param name="lease">How long a worker trains on without its silo; the machine is given up after one and a half times that.</param>
    /// <param name="copies">Machines that hold a run's newest checkpoint.</param>
    /// <param name="network">A network of their own; null for loopback.</param>
    public static async Task<Lab> StartAsync(int machines = 3, bool sharedFolder = false, double lease = 10, int copies = 2, NetworkNamespaces? network = null)
    {
        Assert.SkipUnless(RedisServer.IsInstalled, "redis-server is not installed; apt-get install redis-server brings it.");
        var redis = await RedisServer.StartAsync(network?.Host ?? "127.0.0.1");
        string? shared = sharedFolder ? Directory.CreateTempSubdirectory("cram-shared-").FullName : null;
        Dictionary<string, object> cluster = new() { ["Id"] = "lab", ["Redis"] = $"{redis.Address}:{redis.Port}", ["CheckpointCopies"] = copies };
        if (shared is not null)
        {
            cluster["SharedFolder"] = shared;
        }

        var lab = new Lab(
            redis,
            cluster,
            new()
            {
                ["devices"] = new { ReportSeconds = 1, LostAfterSeconds = 8, WorkerLeaseSeconds = lease, PollSeconds = 0.5 },
                ["runs"] = new { TickSeconds = 0.5, WaitingPollSeconds = 1, BackoffSeconds = 0.5, MachineLostSeconds = lease * 1.5, HeartbeatSeconds = 2 },
                ["artefacts"] = new { PatienceSeconds = 20, RetrySeconds = 1 },
            });
        try
        {
            for (int i = 1; i <= machines; i++)
            {
                (string Address, IReadOnlyList<string> Within)? place = network?.Add($"m{i}");
                lab.Add($"m{i}", within: place?.Within, clusterSettings: place is null ? null : new() { ["AdvertisedAddress"] = place.Value.Address, ["AllowInsecure"] = true }).Start();
            }

            await Task.WhenAll(lab.Silos.Select(silo => silo.ReadyAsync()));
            if (machines > 0)
            {
                await lab.DevicesAsync(machines);
            }

            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a machine without starting its silo.</summary>
    public SiloProcess Add(string machine, string? home = null, Dictionary<string, object>? siloSettings = null, Dictionary<string, object>? clusterSettings = null,
        IReadOnlyList<string>? within = null)
    {
        // Ports that stay the same over restarts, as in a real lab: a silo that comes back replaces its former self in the membership table at once.
        int[] ports = FreePorts.Take(3);
        var silo = new Dictionary<string, object>(siloSettings ?? [])
        {
            ["Machine"] = machine, ["Devices"] = "cpu", ["SiloPort"] = ports[0], ["GatewayPort"] = ports[1], ["HttpPort"] = ports[2],
        };
        string settings = Path.Combine(Folder, $"{machine}-{Silos.Count}.json");
        File.WriteAllText(settings, JsonSerializer.Serialize(
            new { cram = new Dictionary<string, object>(_sections) { ["silo"] = silo, ["cluster"] = new Dictionary<string, object>(_cluster.Concat(clusterSettings ?? [])) } }));
        var process = new SiloProcess(machine, home ?? Path.Combine(Folder, machine), settings, within);
        Silos.Add(process);
        return process;
    }

    /// <summary>The test's own client; a new one after <see cref="ReconnectAsync"/>.</summary>
    public async Task<CramSession> SessionAsync() =>
        _session ??= await CramSession.OpenAsync(new ClusterTarget(Path.Combine(Folder, "client"), Addresses), TestContext.Current.CancellationToken);

    public async Task ReconnectAsync()
    {
        if (_session is not null)
        {
            await _session.DisposeAsync();
            _session = null;
        }
    }

    /// <summary>Runs <c>cram</c> against the silos that are up.</summary>
    public Task<CramProcess> CramAsync(params string[] arguments) => CramProcess.RunAsync(Patience, [.. arguments, "--cluster", Addresses]);

    /// <summary>Submits the tiny recipe.</summary>
    public async Task<string> SubmitAsync(double budgetSeconds, string? runId = null, string? glue = null, string? corpus = null, int? maxAttempts = null)
    {
        corpus ??= SampleText.Write(Folder, 200_000);
        runId ??= $"r-{Guid.NewGuid().ToString("N")[..8]}";
        var request = new SubmitRun(runId, null, await File.ReadAllTextAsync(Recipes.Tiny), "tiny.json", [], budgetSeconds, [corpus], glue, "ada", MaxAttempts: maxAttempts);
        SubmitOutcome? outcome = null;
        await Eventually.TrueAsync(
            async () => (outcome = await TryAsync(async session => await session.Run(runId).SubmitAsync(request))) is not null, () => $"{runId} is submitted", Patience);
        Assert.True(outcome!.Accepted, string.Join('\n', outcome.Problems));
        return runId;
    }

    /// <summary>The run; null when nobody answers just now.</summary>
    public Task<RunView?> TryShowAsync(string runId) => TryAsync(session => session.Run(runId).GetAsync());

    /// <summary>The run while it trains: it has a device, and a worker on it.</summary>
    public Task<RunView> TrainingAsync(string runId) => UntilAsync(runId, "trains", view => view is { State: RunState.Pretraining, Device: not null });

    public Task<RunView> UntilAsync(string runId, string what, Func<RunView, bool> condition, TimeSpan? limit = null)
    {
        RunView? last = null;
        return Eventually.ValueAsync(
            async () =>
            {
                last = await TryShowAsync(runId) ?? last;
                bool holds = last is not null && condition(last);
                Assert.False(!holds && last?.EndedAt is not null, $"{runId} ended ({last?.State}: {last?.Message}) before it {what}.");
                return holds ? last : null;
            },
            () => $"{runId} {what}; seen last: {last?.State} on {last?.Device}, attempt {last?.Attempts}, epoch {last?.LeaseEpoch}, step {last?.Progress?.OptimizerSteps}: {last?.Message}\n" +
                  string.Join('\n', Silos.Select(silo => $"--- {silo.Machine}\n{silo.Tail()}")),
            limit ?? Patience);
    }

    public Task<RunView> UntilTrainsAsync(string runId, long beyond = 0, int attempt = 1) => UntilAsync(
        runId, $"trains beyond step {beyond} in attempt {attempt}",
        view => view.State == RunState.Pretraining && view.Attempts >= attempt && view.Progress?.OptimizerSteps > beyond);

    public Task<RunView> UntilPublishedAsync(string runId, int copies) => UntilAsync(
        runId, $"has {copies} copies of a checkpoint", _ => CheckpointHolders(runId).Count >= copies);

    /// <summary>Machines that have a whole checkpoint of the run.</summary>
    public IReadOnlyList<string> CheckpointHolders(string runId) =>
        [.. Silos.Where(silo => Checkpoints(silo, runId).Count > 0).Select(silo => silo.Machine)];

    public static IReadOnlyList<string> Checkpoints(SiloProcess silo, string runId)
    {
        string folder = Path.Combine(silo.Home, "runs", runId, "checkpoints");
        return Directory.Exists(folder)
            ? [.. Directory.GetDirectories(folder, "step-*").Where(path => File.Exists(Path.Combine(path, "manifest.json"))).Order(StringComparer.Ordinal)]
            : [];
    }

    public async Task<RunReport> SucceedsAsync(string runId, double budgetSeconds, TimeSpan? limit = null)
    {
        await UntilAsync(runId, "ends", view => view.EndedAt is not null, limit);
        RunReport report = await Eventually.ValueAsync(
            () => TryAsync(session => session.Run(runId).GetReportAsync()), () => $"{runId} reports", Patience);
        Assert.True(report.State == RunState.Succeeded, $"{runId} {report.State} ({report.Reason}): {report.Message}\n{string.Join('\n', report.Notices)}");
        // One heartbeat of training may be lost with a worker that is killed between a step and its report, and the last step may run over.
        Assert.InRange(report.BudgetUsedSeconds, budgetSeconds - 1.5, budgetSeconds + 2.5);
        return report;
    }

    /// <summary>Cancels the run and waits for its end.</summary>
    public async Task CancelAsync(string runId)
    {
        await Eventually.TrueAsync(
            async () => (await TryAsync(async session => await session.Run(runId).CancelAsync("ada")))?.Accepted == true, () => $"{runId} is cancelled", Patience);
        var ended = await UntilAsync(runId, "ends", view => view.EndedAt is not null);
        Assert.Equal(RunState.Cancelled, ended.State);
    }

    /// <summary>The machine that the run is on.</summary>
    public SiloProcess MachineOf(RunView view) => this[view.Device![..view.Device!.IndexOf('/', StringComparison.Ordinal)]];

    /// <summary>Its worker that lives.</summary>
    public WorkerSeen WorkerOf(string runId)
    {
        var workers = Silos.SelectMany(silo => silo.Workers()).Where(worker => worker.RunId == runId).ToList();
        Assert.True(workers.Count == 1, $"{runId} has {workers.Count} living workers, expected one.");
        return workers[0];
    }

    public Task DevicesAsync(int expected) => Eventually.TrueAsync(
        async () => (await TryAsync(async session => await session.Scheduler.ListDevicesAsync()))?.Count(device => device.State != Interfaces.Devices.DeviceState.Lost) == expected,
        () => $"{expected} devices have reported", Patience);

    public async ValueTask DisposeAsync()
    {
        await ReconnectAsync();
        foreach (var silo in Silos)
        {
            await silo.DisposeAsync();
        }

        await Redis.DisposeAsync();
        if (Environment.GetEnvironmentVariable("CRAM_KEEP_LABS") is null)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    /// <summary>Asks; null when the silo that was asked is gone, and the next question goes to another.</summary>
    public async Task<T?> TryAsync<T>(Func<CramSession, Task<T?>> ask) where T : class
    {
        try
        {
            return await ask(await SessionAsync()).WaitAsync(TimeSpan.FromSeconds(15));
        }
        catch (Exception problem) when (problem is CommandException or Orleans.Runtime.OrleansException or TimeoutException or OperationCanceledException
            && !TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            await ReconnectAsync();
            return null;
        }
    }

    public static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture) + " s";

    public static TimeSpan Since(long timestamp) => Stopwatch.GetElapsedTime(timestamp);
}
