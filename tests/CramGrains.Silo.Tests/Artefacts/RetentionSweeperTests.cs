using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Artefacts;

/// <summary>A sweep of machine <c>b</c>, whose disk or shared folder holds a checkpoint of a run that <c>a</c> has trained and that ended two days ago.</summary>
public sealed class RetentionSweeperTests : IDisposable
{
    private const string RunId = "20261126-000000-abcdef", Step = "step-000000100.epoch-1";
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-sweep-").FullName;
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Sweep_CopyOfACheckpointThatItsMakerHas_Goes()
    {
        var home = new HomeFolder(Path.Combine(_folder, "home"));
        string checkpoint = Checkpoint(home);

        Assert.Equal([checkpoint], await SweepAsync(home));
        Assert.False(Directory.Exists(checkpoint));
    }

    [Fact]
    public async Task Sweep_CopyOfACheckpointWhoseMakerIsGone_Stays()
    {
        var home = new HomeFolder(Path.Combine(_folder, "home"));
        string checkpoint = Checkpoint(home);

        Assert.Empty(await SweepAsync(home, "b", ["b", "c"]));
        Assert.True(Directory.Exists(checkpoint));
    }

    [Fact]
    public async Task Sweep_CopiesOnTwoMachinesWhoseMakerIsGone_OneOfThemStays()
    {
        // Both look before either has let go, as machines do that were started together.
        var (home, other) = (new HomeFolder(Path.Combine(_folder, "home")), new HomeFolder(Path.Combine(_folder, "other")));
        string[] checkpoints = [Checkpoint(home), Checkpoint(other)];

        await SweepAsync(home, "b", ["b", "c"], "a", "b", "c");
        await SweepAsync(other, "c", ["b", "c"], "a", "b", "c");
        Assert.Equal([true, false], checkpoints.Select(Directory.Exists));
    }

    [Fact]
    public async Task Sweep_SharedFolder_HoldsNoCopiesAndKeepsTheCheckpoint()
    {
        var home = new HomeFolder(Path.Combine(_folder, "home"), shared: Path.Combine(_folder, "shared"));
        string checkpoint = Checkpoint(home);

        Assert.Empty(await SweepAsync(home));
        Assert.True(Directory.Exists(checkpoint));
    }

    private Task<IReadOnlyList<string>> SweepAsync(HomeFolder home) => SweepAsync(home, "b", ["a", "b", "c"]);

    private Task<IReadOnlyList<string>> SweepAsync(HomeFolder home, string own, string[] alive) => SweepAsync(home, own, alive, "a", "b");

    private async Task<IReadOnlyList<string>> SweepAsync(HomeFolder home, string own, string[] alive, params string[] holders)
    {
        var run = new RunView(
            RunId, "n", "u", RunState.Succeeded, TerminationReason.Completed, "", _time.GetUtcNow().AddDays(-3), _time.GetUtcNow().AddDays(-2), "r", "c", "a/gpu0", 1, 1, 60, 60, null, []);
        var grains = Answers.Make<IGrainFactory>(method => Grain(method.ReturnType, run, holders));
        using var sweeper = new RetentionSweeper(
            grains, new Up(own, alive), home, new ArtefactFolders(home, new GlueOffers()), Options.Create(new SiloOptions { Machine = own }), Options.Create(new RetentionOptions()), new SiloClock(_time),
            NullLogger<RetentionSweeper>.Instance);
        return await sweeper.SweepAsync();
    }

    private static object Grain(Type kind, RunView run, string[] holders) =>
        kind == typeof(ISchedulerQueue) ? Answers.Make<ISchedulerQueue>(_ => Task.FromResult<IReadOnlyList<string>>([]))
        : kind == typeof(IRunGrain) ? Answers.Make<IRunGrain>(_ => Task.FromResult<RunView?>(run))
        : Answers.Make<IArtefactGrain>(method => method.Name == nameof(IArtefactGrain.ListAsync)
            ? Task.FromResult<IReadOnlyList<PublishedArtefact>>([new PublishedArtefact(Step, "d", 1, holders)]) : Task.CompletedTask);

    private static string Checkpoint(HomeFolder home)
    {
        string folder = Directory.CreateDirectory(Path.Combine(home.Run(RunId), "checkpoints", Step)).FullName;
        File.WriteAllText(Path.Combine(folder, "weights.safetensors"), "");
        return folder;
    }

    private sealed class Up(string own, string[] machines) : IMachines
    {
        public string Own => own;

        public IReadOnlyDictionary<string, string> Alive { get; } = machines.ToDictionary(machine => machine, machine => $"{machine}:1");
    }
}
