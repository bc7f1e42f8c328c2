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
/// <param name="HeapMiB">Managed heap after a collection.</param>
/// <param name="HeapPerRunKiB">What of it each of them added.</param>
/// <param name="WorkingSetMiB">Memory of the process, its runtime and this benchmark's client included.</param>
/// <param name="ListMs">Time to list the newest 50.</param>
internal sealed record MemoryFigures(int Finished, double Seconds, double HeapMiB, double HeapPerRunKiB, double WorkingSetMiB, double ListMs);

/// <summary>A silo as <c>serve</c> makes it, with the embedded store in a folder of its own, and a client that speaks to its gateway over TCP.</summary>
internal sealed class BenchmarkSilo : IAsyncDisposable
{
    private const int AtOnce = 32;
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

    /// <summary>Lets so many runs end, each submitted and cancelled, and looks at what they cost.</summary>
    public async Task<MemoryFigures> FinishAsync(int count)
    {
        double before = HeapMiB();
        var clock = Stopwatch.StartNew();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            IRunGrain run = await SubmitOneAsync();
            await run.CommandAsync(new RunCommand($"cancel-{i}", RunCommandKind.Cancel, "bench"));
            while ((await run.GetAsync())!.EndedAt is null)
            {
                await Task.Delay(20, CancellationToken.None);
            }
        });
        double seconds = clock.Elapsed.TotalSeconds, after = HeapMiB();
        long started = Stopwatch.GetTimestamp();
        await Grains.GetGrain<Interfaces.Scheduling.ISchedulerGrain>(Scheduling.SchedulerKey.Default).ListRunsAsync(50);
        double list = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        return new MemoryFigures(count, seconds, after, (after - before) * 1024 / count, Environment.WorkingSet / (double)(1 << 20), list);
    }

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

    private static double HeapMiB() => GC.GetTotalMemory(forceFullCollection: true) / (double)(1 << 20);
}
