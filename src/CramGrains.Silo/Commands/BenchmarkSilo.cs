using System.Diagnostics;
using System.Net;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using Orleans.Configuration;

namespace CramGrains.Silo.Commands;

/// <param name="Submits">Runs submitted and acknowledged.</param>
/// <param name="PerSecond">Acknowledged per second.</param>
/// <param name="MedianMs">Median from when it was due to its answer: a queue that builds up counts.</param>
/// <param name="P99Ms">99th percentile.</param>
/// <param name="MaxMs">The slowest.</param>
internal sealed record SubmitFigures(int Submits, double PerSecond, double MedianMs, double P99Ms, double MaxMs);

/// <param name="Finished">Runs that were submitted, cancelled and have ended.</param>
/// <param name="Seconds">Time that took.</param>
/// <param name="HeapBeforeMiB">Managed heap before it, after a collection. This benchmark's client is in all of these figures.</param>
/// <param name="HeapMiB">Managed heap right after it, while the runs' grains are still in memory.</param>
/// <param name="HeapLaterMiB">Managed heap once grains that nobody asks for have left memory.</param>
/// <param name="HeapLaterPerRunKiB">What each run has added to it in the end.</param>
/// <param name="WorkingSetBeforeMiB">Memory of the process before it.</param>
/// <param name="WorkingSetMiB">The same right after it.</param>
/// <param name="WorkingSetLaterMiB">The same in the end.</param>
/// <param name="RunsInMemory">Grains of runs that are still in memory in the end.</param>
/// <param name="LeftAfterSeconds">Time until the others had left it.</param>
/// <param name="ListMs">Time to list the newest 50.</param>
internal sealed record MemoryFigures(
    int Finished, double Seconds, double HeapBeforeMiB, double HeapMiB, double HeapLaterMiB, double HeapLaterPerRunKiB,
    double WorkingSetBeforeMiB, double WorkingSetMiB, double WorkingSetLaterMiB, int RunsInMemory, double LeftAfterSeconds, double ListMs);

/// <summary>A silo as <c>serve</c> makes it, with the embedded store in a folder of its own, and a client that speaks to its gateway over TCP.</summary>
internal sealed class BenchmarkSilo : IAsyncDisposable
{
    private const int AtOnce = 256;
    private static readonly TimeSpan CollectionPatience = TimeSpan.FromMinutes(6);
    private readonly IHost _silo;
    private readonly IHost _client;
    private readonly string _home;
    private readonly string _recipe;
    private int _submitted;

    private BenchmarkSilo(IHost silo, IHost client, string home, string recipe) => (_silo, _client, _home, _recipe) = (silo, client, home, recipe);

    private IClusterClient Grains => _client.Services.GetRequiredService<IClusterClient>();

    public static async Task<BenchmarkSilo> StartAsync(string recipe, CancellationToken cancellationToken)
    {
        string home = Directory.CreateTempSubdirectory("cram-bench-").FullName;
        await File.WriteAllTextAsync(Path.Combine(home, "corpus.txt"), "One paragraph.\n", cancellationToken);
        var options = new Hosting.SiloOptions { Home = home, Machine = "bench", Devices = "none" };
        (int siloPort, int gatewayPort, _) = Ports.Take(0, 0, 0);
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddCramServices(builder.Configuration, options);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(siloPort, gatewayPort, serviceId: "bench", clusterId: "bench")
            .Configure<EndpointOptions>(endpoint => endpoint.AdvertisedIPAddress = IPAddress.Loopback)
            .UseEmbeddedStore()
            .AddCramGrains(options));
        IHost silo = builder.Build();
        await silo.StartAsync(cancellationToken);
        HostApplicationBuilder clientBuilder = Host.CreateApplicationBuilder();
        clientBuilder.Logging.SetMinimumLevel(LogLevel.Error);
        clientBuilder.UseOrleansClient(client => client.UseLocalhostClustering(gatewayPort, "bench", "bench"));
        IHost client = clientBuilder.Build();
        await client.StartAsync(cancellationToken);
        return new BenchmarkSilo(silo, client, home, recipe);
    }

    /// <summary>Submits held runs at a steady rate, whether or not those before have been answered.</summary>
    public async Task<SubmitFigures> SubmitAsync(int perSecond, int seconds)
    {
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => SubmitOneAsync())); // not counted: what is compiled on first use
        int count = perSecond * seconds;
        var times = new double[count];
        var answers = new List<Task>(count);
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < count; i++)
        {
            TimeSpan due = TimeSpan.FromSeconds((double)i / perSecond);
            if (due > clock.Elapsed)
            {
                await Task.Delay(due - clock.Elapsed);
            }

            int number = i;
            answers.Add(Task.Run(async () =>
            {
                await SubmitOneAsync();
                times[number] = (clock.Elapsed - due).TotalMilliseconds;
            }));
        }

        await Task.WhenAll(answers);
        double rate = count / clock.Elapsed.TotalSeconds;
        Array.Sort(times);
        return new SubmitFigures(count, rate, times[count / 2], times[count * 99 / 100], times[^1]);
    }

    /// <summary>Lets so many runs end, each submitted and cancelled, and looks at what they cost: at once, and when their grains have left memory.</summary>
    public async Task<MemoryFigures> FinishAsync(int count)
    {
        (double heapBefore, double setBefore) = Memory();
        var clock = Stopwatch.StartNew();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            IRunGrain run = await SubmitOneAsync();
            await run.CommandAsync(new RunCommand($"cancel-{i}", RunCommandKind.Cancel, "bench"));
            while ((await run.GetAsync())!.EndedAt is null)
            {
                await Task.Delay(200, CancellationToken.None);
            }
        });
        double seconds = clock.Elapsed.TotalSeconds;
        (double heap, double set) = Memory();
        clock.Restart();
        while (await RunsInMemoryAsync() > count / 100 && clock.Elapsed < CollectionPatience)
        {
            await Task.Delay(1000);
        }

        double left = clock.Elapsed.TotalSeconds;
        (double heapLater, double setLater) = Memory();
        int inMemory = await RunsInMemoryAsync();
        long started = Stopwatch.GetTimestamp();
        await Grains.GetGrain<Interfaces.Scheduling.ISchedulerGrain>(Scheduling.SchedulerKey.Default).ListRunsAsync(50);
        double list = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        return new MemoryFigures(count, seconds, heapBefore, heap, heapLater, (heapLater - heapBefore) * 1024 / count, setBefore, set, setLater, inMemory, left, list);
    }

    private async Task<int> RunsInMemoryAsync() => (await Grains.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics())
        .Where(s => s.GrainType.Contains(nameof(Runs.RunGrain), StringComparison.Ordinal)).Sum(s => s.ActivationCount);

    public async ValueTask DisposeAsync()
    {
        await _client.StopAsync();
        await _silo.StopAsync();
        _client.Dispose();
        _silo.Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_home, recursive: true);
    }

    private async Task<IRunGrain> SubmitOneAsync()
    {
        string id = $"b-{Interlocked.Increment(ref _submitted):D6}";
        IRunGrain run = Grains.GetGrain<IRunGrain>(id);
        SubmitOutcome outcome = await run.SubmitAsync(new SubmitRun(id, null, _recipe, "bench", [], null, [Path.Combine(_home, "corpus.txt")], null, "bench", Hold: true));
        return outcome.Accepted ? run : throw new InvalidOperationException(string.Join('\n', outcome.Problems));
    }

    private static (double HeapMiB, double WorkingSetMiB) Memory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return (GC.GetTotalMemory(forceFullCollection: true) / (double)(1 << 20), Environment.WorkingSet / (double)(1 << 20));
    }
}
