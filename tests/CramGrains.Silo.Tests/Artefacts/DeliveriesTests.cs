using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Artefacts;

public sealed class DeliveriesTests : IMachines, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-deliveries-").FullName;
    private readonly FakeTimeProvider _time = new();

    public string Own => "b";

    public IReadOnlyDictionary<string, string> Alive { get; } = new Dictionary<string, string> { ["b"] = "127.0.0.1:1" };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Somebody lost interest, and only then the delivery failed: that is nothing to tell whoever asks next, perhaps days later.</summary>
    [Fact]
    public async Task Bring_EarlierDeliveryFailedWithNobodyWaiting_TriesAnew()
    {
        using var fetcher = new ArtefactFetcher(null, null);
        var home = new HomeFolder(_folder);
        var options = new ArtefactOptions { RetrySeconds = 0.005 };
        var deliveries = new Deliveries(fetcher, new ArtefactFolders(home, new GlueOffers()), this, Options.Create(options), new SiloClock(_time), NullLogger<Deliveries>.Instance);
        string target = Path.Combine(_folder, "corpora", "c1");
        using var interest = new CancellationTokenSource();
        Task first = deliveries.BringAsync(Delivery(target, () => Task.FromResult<IReadOnlyList<string>>([])), interest.Token);
        await UntilAsync(() => deliveries.Progress(target).Length > 0, "the delivery's first try");
        await interest.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        _time.Advance(TimeSpan.FromSeconds(options.PatienceSeconds + 1));
        await UntilAsync(() => deliveries.Progress(target).Length == 0, "the delivery to be given up");

        var again = await Assert.ThrowsAnyAsync<Exception>(() => deliveries.BringAsync(Delivery(target, () => throw new NotSupportedException("asked anew")), TestContext.Current.CancellationToken));
        Assert.Equal("asked anew", again.Message);
    }

    private static Delivery Delivery(string target, Func<Task<IReadOnlyList<string>>> holders) => new(ArtefactKind.Corpus, "c1", "d1", target, holders);

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(30), $"waited 30 s for {what}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
