using System.Runtime.CompilerServices;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Orleans.TestingHost;

namespace CramGrains.Cluster.Tests.Harness;

/// <summary>A cluster of silos in this process, with the real SQLite store in a folder of its own, scripted workers and a clock that the test moves.</summary>
internal sealed class Lab : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly InProcessTestCluster _cluster;

    private Lab(InProcessTestCluster cluster, string home, ScriptedWorkerHost workers, FakeTimeProvider clock) =>
        (_cluster, Home, Workers, Clock) = (cluster, home, workers, clock);

    public string Home { get; }

    public ScriptedWorkerHost Workers { get; }

    public FakeTimeProvider Clock { get; }

    public IGrainFactory Grains => _cluster.Client;

    public ISchedulerGrain Scheduler => Grains.GetGrain<ISchedulerGrain>(SchedulerKey.Default);

    public SiloAddress Address(int silo) => _cluster.Silos[silo].SiloAddress;

    public IServiceProvider Services(int silo) => _cluster.GetSiloServiceProvider(Address(silo));

    public IServiceProvider SiloServices => _cluster.GetSiloServiceProvider(_cluster.Silos[0].SiloAddress);

    /// <param name="machines">Number of silos; they are machines <c>m0</c>, <c>m1</c> and so on.</param>
    /// <param name="devices">Devices of each.</param>
    /// <param name="runs">Changes to the run options, which are set for quick tests.</param>
    /// <param name="gpus">What <c>auto</c> finds.</param>
    /// <param name="scheduling">Changes to the scheduling options, which guarantee nobody anything.</param>
    /// <param name="silos">Changes to each silo, after everything else.</param>
    public static async Task<Lab> StartAsync(
        int machines = 1, string devices = "cpu", Action<RunOptions>? runs = null, Action<SchedulingOptions>? scheduling = null, Silo.Devices.IGpuProbe? gpus = null, Action<ISiloBuilder>? silos = null)
    {
        string home = Directory.CreateTempSubdirectory("cram-lab-").FullName;
        var workers = new ScriptedWorkerHost();
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        int started = 0;
        var builder = new InProcessTestClusterBuilder((short)machines);
        builder.ConfigureSilo((_, silo) =>
        {
            // A silo that is started later takes the place of the first: it is the same machine, back again.
            int number = Interlocked.Increment(ref started) - 1;
            var options = new SiloOptions { Home = home, Machine = $"m{(number < machines ? number : 0)}", Devices = devices, LockFolder = Path.Combine(home, "devices") };
            silo.Services.AddSingleton(new SiloClock(clock));
            silo.Services.AddSingleton<IWorkerHost>(workers);
            if (gpus is not null)
            {
                silo.Services.AddSingleton(gpus);
            }

            silo.Services.AddCramServices(silo.Configuration, options);
            silo.Services.PostConfigure<RunOptions>(o =>
            {
                (o.TickSeconds, o.WaitingPollSeconds, o.HeartbeatSeconds, o.BackoffSeconds) = (0.01, 0.02, 0.1, 0);
                runs?.Invoke(o);
            });
            silo.Services.PostConfigure<SchedulingOptions>(o =>
            {
                (o.SettleSeconds, o.GuaranteedRunSeconds) = (0, 0);
                scheduling?.Invoke(o);
            });
            silo.Services.PostConfigure<DeviceOptions>(o => (o.PollSeconds, o.ReportSeconds) = (0.01, 0.05));
            silo.AddCramGrains(options).UseEmbeddedStore();
            silo.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Error));
            silos?.Invoke(silo);
        });
        InProcessTestCluster cluster = builder.Build();
        await cluster.DeployAsync();
        return new Lab(cluster, home, workers, clock);
    }

    public IRunGrain Run(string runId) => Grains.GetGrain<IRunGrain>(runId);

    /// <summary>Submits and expects it to be accepted.</summary>
    public async Task<IRunGrain> SubmitAsync(SubmitRun request)
    {
        SubmitOutcome outcome = await Run(request.RunId).SubmitAsync(request);
        Assert.True(outcome.Accepted, string.Join("\n", outcome.Problems));
        return Run(request.RunId);
    }

    public Task<RunView> UntilAsync(string runId, RunState state) => UntilAsync(runId, v => v.State == state, $"{runId} is {state}");

    public async Task<RunView> UntilAsync(string runId, Func<RunView, bool> condition, string what)
    {
        RunView? last = null;
        await UntilAsync(async () => (last = await Run(runId).GetAsync()) is not null && condition(last), () => $"{what}; last seen: {last}");
        return last!;
    }

    /// <summary>From here on pretraining goes on until the test ends it; everything else is done at once.</summary>
    public void HoldPretraining() => Workers.Script = w =>
    {
        if (w.Assignment.Job == WorkerJob.Pretrain)
        {
            w.Run("at work");
        }
        else
        {
            w.Complete();
        }
    };

    public async Task<ScriptedWorker> WorkerAsync(WorkerJob job, int count = 1)
    {
        await UntilAsync(() => Task.FromResult(Workers.Workers.Count(w => w.Assignment.Job == job) >= count), () => $"worker {count} for {job} starts");
        return Workers.Workers.Where(w => w.Assignment.Job == job).ElementAt(count - 1);
    }

    public Task<IReadOnlyList<DeviceView>> DevicesAsync() => Scheduler.ListDevicesAsync();

    public Task UntilFreeAsync() => UntilAsync(async () => (await DevicesAsync()).All(d => d.State == DeviceState.Free), () => "all devices are free");

    /// <summary>The device that the run has.</summary>
    public async Task<string> DeviceOfAsync(string runId) => (await UntilAsync(runId, v => v.Device is not null, $"{runId} has a device")).Device!;

    /// <summary>Looks again and again until the condition holds, and says what it waited for when it never does.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what, [CallerMemberName] string caller = "")
    {
        var waited = System.Diagnostics.Stopwatch.StartNew();
        while (!await HoldsAsync(condition))
        {
            Assert.True(waited.Elapsed < Patience, $"{caller} waited {Patience.TotalSeconds:0} s in vain until {what()}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>While a silo restarts, a question may find nobody there; that is "not yet", not a failure.</summary>
    private static async Task<bool> HoldsAsync(Func<Task<bool>> condition)
    {
        try
        {
            return await condition();
        }
        catch (OrleansException)
        {
            return false;
        }
    }

    /// <summary>Stops the first silo cleanly and starts another for the same machine and home.</summary>
    public async Task RestartAsync()
    {
        await _cluster.StopSiloAsync(_cluster.Silos[0]);
        await StartAgainAsync();
    }

    /// <summary>Stops the silo of a machine cleanly. Silos start side by side, so the first one need not be <c>m0</c>.</summary>
    public Task StopAsync(string machine) => _cluster.StopSiloAsync(
        _cluster.Silos.Single(silo => _cluster.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IOptions<SiloOptions>>().Value.Machine == machine));

    /// <summary>Starts a silo for machine <c>m0</c> again.</summary>
    public Task StartAgainAsync() => _cluster.StartAdditionalSiloAsync();

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(Home, recursive: true);
    }
}
