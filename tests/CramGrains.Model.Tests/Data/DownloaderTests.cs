using System.Security.Cryptography;
using CramGrains.Model.Data;
using CramGrains.Model.Data.Downloads;

namespace CramGrains.Model.Tests.Data;

public sealed class DownloaderTests : IDisposable
{
    private static readonly byte[] Content = MakeContent(300_000);
    private static readonly string ContentSha256 = Convert.ToHexStringLower(SHA256.HashData(Content));

    private readonly TemporaryFolder _folder = new();
    private readonly HurriedTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Fetch_HonestServer_GivesTheContentAndAsksOnlyOnce()
    {
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(request, Content));
        var path = Fetch(server, "/data/wiki.jsonl.gz?download=true");
        Assert.Equal(Content, await File.ReadAllBytesAsync(path, Token));
        Assert.Equal("wiki.jsonl.gz", Path.GetFileName(path));
        Assert.Equal(path, Fetch(server, "/data/wiki.jsonl.gz?download=true"));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Fetch_ConnectionsCutEverySoOften_GoesOnWhereEachBrokeOff()
    {
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(request, Content).CutAfter(25_000));
        Assert.Equal(Content, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
        Assert.True(server.Requests.Count >= 12, $"{server.Requests.Count} requests");
        Assert.All(server.Requests.Skip(1), request => Assert.Equal("\"v1\"", request.Headers["If-Range"]));
        Assert.Equal(server.Requests.Select(request => request.From).Order(), server.Requests.Select(request => request.From));
    }

    [Fact]
    public async Task Fetch_ConnectionsCutAndFileChanged_TellsEachByteOnce()
    {
        await using var server = new LoopbackServer(request => request.Earlier == 0
            ? LoopbackAnswer.Honest(request, MakeContent(200_000), "\"v0\"").CutAfter(100_000)
            : LoopbackAnswer.Honest(request.Earlier == 1 ? request with { Headers = new Dictionary<string, string>() } : request, Content).CutAfter(90_000));
        using var downloader = Downloader(options => options);
        var (told, most) = (0L, 0L);
        downloader.Fetch(new Uri(server.Address, "/a"), null, (bytes, _) => most = Math.Max(most, told += bytes), Token);
        Assert.Equal((Content.Length, Content.Length), (told, most));
    }

    [Fact]
    public async Task Fetch_FileChangesBetweenTries_StartsOverAndMixesNothing()
    {
        var other = MakeContent(200_000);
        await using var server = new LoopbackServer(request => request.Earlier == 0
            ? LoopbackAnswer.Honest(request, Content).CutAfter(100_000)
            : request.Headers.GetValueOrDefault("If-Range") == "\"v2\"" ? LoopbackAnswer.Honest(request, other, "\"v2\"") : LoopbackAnswer.Honest(request with { Headers = new Dictionary<string, string>() }, other, "\"v2\""));
        Assert.Equal(other, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
    }

    /// <summary>Not every server and cache knows If-Range; what it gives of another version than the part that is here has another tag.</summary>
    [Fact]
    public async Task Fetch_FileChangesAndServerIgnoresIfRange_StartsOverAndMixesNothing()
    {
        var other = MakeContent(200_000);
        await using var server = new LoopbackServer(request => request.Earlier == 0 ? LoopbackAnswer.Honest(request, Content).CutAfter(100_000) : LoopbackAnswer.Honest(request, other, "\"v2\""));
        Assert.Equal(other, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
        Assert.Equal([0, 100_000, 0], server.Requests.Select(request => request.From));
    }

    [Fact]
    public async Task Fetch_StalledConnection_IsGivenUpAndContinued()
    {
        await using var server = new LoopbackServer(request => request.Earlier == 0
            ? LoopbackAnswer.Honest(request, Content).CutAfter(150_000) with { Stalls = true }
            : LoopbackAnswer.Honest(request, Content));
        Assert.Equal(Content, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
        Assert.True(server.Requests[1].From > 0);
    }

    [Fact]
    public async Task Fetch_ConnectionReset_IsContinued()
    {
        await using var server = new LoopbackServer(request => request.Earlier < 3
            ? LoopbackAnswer.Honest(request, Content).CutAfter(50_000) with { Resets = true }
            : LoopbackAnswer.Honest(request, Content));
        Assert.Equal(Content, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
    }

    [Fact]
    public async Task Fetch_ServerPromisesMoreThanItHas_IsNeverTakenForWhole()
    {
        await using var server = new LoopbackServer(request => new LoopbackAnswer(200, Content, Content.Length + 1000) { Headers = { ["ETag"] = "\"v1\"" } });
        var message = Assert.Throws<CorpusException>(() => Fetch(server, "/a")).Message;
        Assert.Contains("tries that brought nothing", message);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories), path => Path.GetFileName(path) is "a" or "entry.json");
    }

    [Fact]
    public async Task Fetch_ServerPromisesLessThanTheFile_IsCaughtByTheChecksum()
    {
        await using var server = new LoopbackServer(_ => new LoopbackAnswer(200, Content, Content.Length / 2));
        var message = Assert.Throws<CorpusException>(() => Fetch(server, "/a", ContentSha256)).Message;
        Assert.Contains($"expected {ContentSha256}", message);
        Assert.Equal(2, server.Requests.Count); // once more, in case the transfer went wrong
    }

    [Fact]
    public async Task Fetch_OneTransferAltered_FetchesAgain()
    {
        var altered = (byte[])Content.Clone();
        altered[1000] ^= 1;
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(request, request.Earlier == 0 ? altered : Content));
        Assert.Equal(Content, await File.ReadAllBytesAsync(Fetch(server, "/a", ContentSha256), Token));
    }

    [Theory]
    [InlineData(404, "Check the address")]
    [InlineData(401, "HF_TOKEN")]
    [InlineData(403, "HF_TOKEN")]
    [InlineData(400, "Check the address")]
    public async Task Fetch_Refused_SaysSoAtOnce(int status, string advice)
    {
        await using var server = new LoopbackServer(_ => new LoopbackAnswer(status, [], 0));
        var message = Assert.Throws<CorpusException>(() => Fetch(server, "/a")).Message;
        Assert.Contains($"{status}", message);
        Assert.Contains(advice, message);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Fetch_TooManyRequests_WaitsAsLongAsItIsAsked()
    {
        await using var server = new LoopbackServer(request => request.Earlier == 0
            ? new LoopbackAnswer(429, [], 0) { Headers = { ["Retry-After"] = "17" } }
            : LoopbackAnswer.Honest(request, Content));
        Fetch(server, "/a");
        Assert.Equal([TimeSpan.FromSeconds(17)], _time.Waits);
    }

    [Fact]
    public async Task Fetch_ServerErrors_WaitsLongerEachTimeAndGivesUp()
    {
        await using var server = new LoopbackServer(_ => new LoopbackAnswer(500, [], 0));
        var message = Assert.Throws<CorpusException>(() => Fetch(server, "/a")).Message;
        Assert.Contains("500", message);
        Assert.Equal(5, server.Requests.Count);
        Assert.Equal([1.0, 2.0, 4.0, 8.0], _time.Waits.Select(wait => wait.TotalSeconds));
    }

    [Fact]
    public async Task Fetch_ServerRecovers_Succeeds()
    {
        await using var server = new LoopbackServer(request => request.Earlier < 3 ? new LoopbackAnswer(503, [], 0) : LoopbackAnswer.Honest(request, Content));
        Assert.Equal(Content, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
    }

    [Fact]
    public async Task Fetch_Redirected_LeavesTheTokenBehind()
    {
        await using var store = new LoopbackServer(request => LoopbackAnswer.Honest(request, Content));
        await using var hub = new LoopbackServer(_ => new LoopbackAnswer(302, [], 0)
        {
            Headers = { ["Location"] = new Uri(store.Address, "/blob").AbsoluteUri, ["X-Linked-Etag"] = $"\"{ContentSha256}\"" },
        });
        using var downloader = Downloader(options => options with { HubEndpoint = hub.Address, HubToken = "hf_secret" });
        downloader.Fetch(new Uri(hub.Address, "/x.parquet"), null, (_, _) => { }, Token);
        Assert.Equal("Bearer hf_secret", hub.Requests.Single().Headers["Authorization"]);
        Assert.False(store.Requests.Single().Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task Fetch_HubNamesTheChecksumOnTheWay_IsHeldToIt()
    {
        await using var store = new LoopbackServer(request => LoopbackAnswer.Honest(request, Content[..1000]));
        await using var hub = new LoopbackServer(_ => new LoopbackAnswer(302, [], 0)
        {
            Headers = { ["Location"] = new Uri(store.Address, "/blob").AbsoluteUri, ["X-Linked-Etag"] = $"\"{ContentSha256}\"" },
        });
        Assert.Contains(ContentSha256, Assert.Throws<CorpusException>(() => Fetch(hub, "/x.parquet")).Message);
    }

    [Fact]
    public async Task Fetch_InterruptedProcess_IsContinuedByTheNext()
    {
        using var stop = new CancellationTokenSource();
        await using var server = new LoopbackServer(request => request.Earlier == 0
            ? LoopbackAnswer.Honest(request, Content).CutAfter(200_000) with { Stalls = true }
            : LoopbackAnswer.Honest(request, Content));
        using (var first = Downloader(options => options with { StallTimeout = TimeSpan.FromMinutes(5) }))
        {
            var arrived = 0L;
            Assert.ThrowsAny<OperationCanceledException>(() => first.Fetch(new Uri(server.Address, "/a"), null, (bytes, _) =>
            {
                arrived += bytes;
                if (arrived == 200_000)
                {
                    stop.Cancel();
                }
            }, stop.Token));
        }

        Assert.Equal(Content, await File.ReadAllBytesAsync(Fetch(server, "/a"), Token));
        Assert.Equal(200_000, server.Requests[1].From);
    }

    [Fact]
    public async Task Fetch_FourAtOnce_FetchesOnce()
    {
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(request, Content));
        var paths = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Fetch(server, "/a"), Token)));
        Assert.Single(paths.Distinct());
        Assert.Single(server.Requests);
    }

    [Fact]
    public void Fetch_NobodyListens_SaysSo()
    {
        using var downloader = Downloader(options => options);
        Assert.Contains("the connection failed", Assert.Throws<CorpusException>(() => downloader.Fetch(new Uri("http://127.0.0.1:1/a"), null, (_, _) => { }, Token)).Message);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Fetch(LoopbackServer server, string path, string? sha256 = null)
    {
        using var downloader = Downloader(options => options);
        return downloader.Fetch(new Uri(server.Address, path), sha256, (_, _) => { }, Token);
    }

    private Downloader Downloader(Func<DownloadOptions, DownloadOptions> change) => new(change(new DownloadOptions
    {
        CacheFolder = _folder.Path, Attempts = 5, StallTimeout = TimeSpan.FromSeconds(2), Time = _time,
    }));

    private static byte[] MakeContent(int bytes)
    {
        var content = new byte[bytes];
        new Random(bytes).NextBytes(content);
        return content;
    }
}
