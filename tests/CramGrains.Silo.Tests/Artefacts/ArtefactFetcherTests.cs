using System.Net;
using System.Security.Cryptography;
using CramGrains.Interfaces.Access;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CramGrains.Silo.Tests.Artefacts;

/// <summary>A real HTTP server that serves files well, or breaks off, or alters them; and the client that must not be fooled.</summary>
public sealed class ArtefactFetcherTests : IAsyncLifetime
{
    private const string Token = "a-token-of-enough-length";
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-fetch-").FullName;
    private readonly byte[] _large = RandomNumberGenerator.GetBytes(3_000_000);
    private readonly byte[] _small = [1, 2, 3];
    private readonly List<string?> _ranges = [];
    private WebApplication _server = null!;
    private ArtefactManifest _manifest = null!;
    private Func<byte[], byte[]> _alter = bytes => bytes;
    private long? _breakAfter;

    private string Target => Path.Combine(_folder, "target");

    private string Incoming => Path.Combine(_folder, "incoming", "x");

    private string Address => new Uri(_server.Urls.First()).Authority;

    public async ValueTask InitializeAsync()
    {
        _manifest = new ArtefactManifest(ArtefactKind.Checkpoint, "r-1/step-1", [File_("sub/large.bin", _large), File_("small.bin", _small)]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _server = builder.Build();
        _server.UseToken(AccessToken.Parse(Token, "test"));
        _server.MapGet("/artefacts/checkpoint/manifest", () => Results.Json(_manifest, WorkerJson.Options));
        _server.MapGet("/artefacts/checkpoint/file", (HttpContext context, string file) => ServeAsync(context, file == "small.bin" ? _small : _large));
        await _server.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Fetch_WholeArtefact_AppearsUnderItsNameWithTheSameBytes()
    {
        await FetchAsync();

        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(Target, "sub", "large.bin"), TestContext.Current.CancellationToken));
        Assert.Equal(_small, await File.ReadAllBytesAsync(Path.Combine(Target, "small.bin"), TestContext.Current.CancellationToken));
        Assert.False(Directory.Exists(Incoming));
    }

    [Fact]
    public async Task Fetch_TransferBreaksOff_LeavesNoTargetAndGoesOnWhereItStopped()
    {
        _breakAfter = 1_000_000;
        await Assert.ThrowsAsync<ArtefactException>(FetchAsync);
        Assert.False(Directory.Exists(Target));
        long arrived = new FileInfo(Path.Combine(Incoming, "sub", "large.bin")).Length;
        Assert.InRange(arrived, 1, _large.Length - 1);

        _breakAfter = null;
        await FetchAsync();

        Assert.Contains($"bytes={arrived}-", _ranges);
        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(Target, "sub", "large.bin"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Fetch_OneByteAltered_IsRefusedAndNothingOfItIsKept()
    {
        _alter = bytes => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)];

        var problem = await Assert.ThrowsAsync<ArtefactException>(FetchAsync);

        Assert.Contains("checksum", problem.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Target));
        Assert.False(File.Exists(Path.Combine(Incoming, "sub", "large.bin")));
    }

    [Fact]
    public async Task Fetch_OtherArtefactUnderTheName_IsRefused()
    {
        string digest = _manifest.Digest();
        _manifest = _manifest with { Files = [File_("small.bin", _small)] };

        Assert.Contains("digest", (await Assert.ThrowsAsync<ArtefactException>(() => FetchAsync(digest))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../out.bin")]
    [InlineData("/etc/out.bin")]
    [InlineData("a//b")]
    [InlineData("a\\b")]
    [InlineData("")]
    public async Task Fetch_NameThatLeavesItsFolder_IsRefused(string name)
    {
        _manifest = _manifest with { Files = [File_(name, _small)] };

        Assert.Contains("no place below a folder", (await Assert.ThrowsAsync<ArtefactException>(FetchAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fetch_WithoutTheToken_IsRefused()
    {
        using var stranger = new ArtefactFetcher(null, null);

        var problem = await Assert.ThrowsAsync<ArtefactException>(() => stranger.FetchAsync(
            _manifest.Kind, _manifest.Name, _manifest.Digest(), Address, Incoming, Target, null, (_, _) => { }, TestContext.Current.CancellationToken));

        Assert.Contains("401", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fetch_SomeFiles_BringsOnlyThose()
    {
        using var fetcher = new ArtefactFetcher(null, AccessToken.Parse(Token, "test"));

        await fetcher.FetchAsync(
            _manifest.Kind, _manifest.Name, _manifest.Digest(), Address, Incoming, Target, file => file.Name == "small.bin", (_, _) => { }, TestContext.Current.CancellationToken);

        Assert.Equal(["small.bin"], Directory.GetFiles(Target, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Target, path)));
    }

    private Task FetchAsync() => FetchAsync(_manifest.Digest());

    private async Task FetchAsync(string digest)
    {
        using var fetcher = new ArtefactFetcher(null, AccessToken.Parse(Token, "test"));
        await fetcher.FetchAsync(_manifest.Kind, _manifest.Name, digest, Address, Incoming, Target, null, (_, _) => { }, TestContext.Current.CancellationToken);
    }

    private async Task ServeAsync(HttpContext context, byte[] content)
    {
        _ranges.Add(context.Request.Headers.Range.ToString());
        byte[] served = _alter(content);
        if (_breakAfter is not { } limit || served.Length <= limit)
        {
            await Results.File(served, enableRangeProcessing: true).ExecuteAsync(context);
            return;
        }

        context.Response.ContentLength = served.Length;
        await context.Response.Body.WriteAsync(served.AsMemory(0, (int)limit));
        await context.Response.Body.FlushAsync();
        context.Abort();
    }

    private static ArtefactFile File_(string name, byte[] content) => new(name, content.Length, Convert.ToHexStringLower(SHA256.HashData(content)));
}
