using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Artefacts;

public sealed class SuppliesTests : IMachines, IDisposable
{
    private const string RunId = "r-1", Corpus = "c1", Lost = "step-000000200.epoch-1", Before = "step-000000100.epoch-1";
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-supplies-").FullName;

    public string Own => "b";

    public IReadOnlyDictionary<string, string> Alive { get; } = new Dictionary<string, string> { ["b"] = "127.0.0.1:1" };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Bring_NewestCheckpointIsOnALostMachineAndTheOneBeforeIsHere_GoesOnFromThat()
    {
        var home = new HomeFolder(_folder);
        var folders = new ArtefactFolders(home, new GlueOffers());
        Directory.CreateDirectory(Path.Combine(home.Corpora, Corpus));
        string here = Directory.CreateDirectory(Path.Combine(folders.Checkpoints(RunId), Before)).FullName;
        File.WriteAllText(Path.Combine(here, "manifest.json"), "{}");
        using var fetcher = new ArtefactFetcher(null, null);
        var deliveries = new Deliveries(fetcher, folders, this, Options.Create(new ArtefactOptions { RetrySeconds = 0.01 }), new SiloClock(new FakeTimeProvider()), NullLogger<Deliveries>.Instance);
        IGrainFactory grains = Answers.Make<IGrainFactory>(_ => Answers.Make<IArtefactGrain>(method => method.Name == nameof(IArtefactGrain.ListAsync)
            ? Task.FromResult<IReadOnlyList<PublishedArtefact>>([new(Lost, "d2", 1, ["a"]), new(Before, "d1", 1, ["a", "b"])])
            : Task.CompletedTask));
        var supplies = new Supplies(grains, this, new CorpusCopies(grains, this, deliveries, folders, home), deliveries, folders);
        var wanted = new List<string>();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(10));

        var assignment = new WorkerAssignment(1, RunId, 2, WorkerJob.Pretrain, "{}", "cpu", null, "s", "w", 6, home.Corpora, Corpus, null, 0, null, null, 0);
        await supplies.BringAsync(assignment, (_, what) => wanted.Add(what), patience.Token);

        Assert.Empty(wanted);
    }
}
