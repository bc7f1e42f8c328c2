using System.Net;
using System.Net.Sockets;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

public sealed class DataGlueCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-glue-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("not-an-address")]
    [InlineData("ftp://example.org/glue")]
    public void Run_FromThatIsNoHttpAddress_IsAUsageError(string from) => Assert.Equal(2, DataCommand.Run(["glue", _folder, "--from", from]));

    [Fact]
    public async Task Run_ServerWithoutTheFiles_AsksItAndIsRefused()
    {
        using var listener = new HttpListener();
        var address = $"http://127.0.0.1:{FreePort()}/mirror/";
        listener.Prefixes.Add(address);
        listener.Start();
        var asked = AnswerAsync(listener);

        // Without the slash at its end, as people write it.
        var code = await Task.Run(() => DataCommand.Run(["glue", Path.Combine(_folder, "glue"), "--from", address.TrimEnd('/'), "--cache", Path.Combine(_folder, "cache")]), TestContext.Current.CancellationToken);
        listener.Stop();

        Assert.Equal(2, code);
        Assert.NotEmpty(await asked);
        Assert.All(await asked, path => Assert.StartsWith("/mirror/", path, StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(_folder, "*.tsv", SearchOption.AllDirectories));
    }

    private static async Task<List<string>> AnswerAsync(HttpListener listener)
    {
        var asked = new List<string>();
        try
        {
            while (true)
            {
                var context = await listener.GetContextAsync();
                asked.Add(context.Request.Url!.AbsolutePath);
                context.Response.StatusCode = (int)HttpStatusCode.NotFound;
                context.Response.Close();
            }
        }
        catch (Exception ended) when (ended is HttpListenerException or ObjectDisposedException)
        {
            return asked;
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
