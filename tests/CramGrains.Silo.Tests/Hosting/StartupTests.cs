using System.Net;
using System.Net.Sockets;
using CramGrains.Silo.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace CramGrains.Silo.Tests.Hosting;

public sealed class StartupTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-silo-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Take_HomeHeldByAnotherSilo_NamesTheHomeAndWhatToDo()
    {
        using var first = HomeLock.Take(new HomeFolder(_folder));

        var problem = Assert.Throws<StartupException>(() => HomeLock.Take(new HomeFolder(_folder)));

        Assert.Contains(_folder, problem.Message, StringComparison.Ordinal);
        Assert.Contains("cram down", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_HomeIsAFile_IsRefusedByName()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");

        Assert.Contains(file, Assert.Throws<StartupException>(() => HomeLock.Take(new HomeFolder(file))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_DiskFull_SaysSoAndBlamesNoOtherSilo()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs the device that is always full");
        string probe = Path.Combine(_folder, ".write-probe");
        File.CreateSymbolicLink(probe, "/dev/full");

        Assert.Contains("is not writable: No space left on device", Assert.Throws<StartupException>(() => HomeLock.Take(new HomeFolder(_folder))).Message, StringComparison.Ordinal);

        File.Delete(probe);
        HomeLock.Take(new HomeFolder(_folder)).Dispose();
    }

    [Fact]
    public void Take_PortInUse_NamesTheOptionAndThePort()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        Assert.Contains($"--http-port: port {port} is in use", Assert.Throws<StartupException>(() => Ports.Take(port, "--http-port")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Taken_PortThatWasFreeAMomentAgo_SaysToStartAgain()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        int port = ((IPEndPoint)other.LocalEndpoint).Port;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        await using WebApplication app = builder.Build();
        Exception problem = await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync(TestContext.Current.CancellationToken));

        string? message = Ports.Taken(problem)?.Message;

        Assert.Contains($":{port}", message, StringComparison.Ordinal);
        Assert.Contains("Start it again", message, StringComparison.Ordinal);
        Assert.Null(Ports.Taken(new IOException("No space left on device")));
    }

    [Fact]
    public void Take_NoPortsWanted_GivesThreeDifferentOnes()
    {
        var (silo, gateway, http) = Ports.Take(0, 0, 0);

        Assert.Equal(3, new HashSet<int> { silo, gateway, http }.Count);
    }

    [Theory]
    [InlineData("--home")]
    [InlineData("--port", "1")]
    [InlineData("--home", "x", "--http-port", "70000")]
    [InlineData]
    public void Parse_BadCommandLine_IsRefused(params string[] arguments) => Assert.Throws<StartupException>(() => ServeArguments.Parse(arguments));

    [Fact]
    public void Parse_AllOptions_AreTaken()
    {
        var parsed = ServeArguments.Parse(["--home", _folder, "--machine", "lab-1", "--devices", "cpu", "--http-port", "9464", "--log", Path.Combine(_folder, "log")]);

        Assert.Equal((_folder, "lab-1", "cpu", 9464), (parsed.Silo.Home, parsed.Silo.Machine, parsed.Silo.Devices, parsed.HttpPort));
        Assert.Equal(Path.Combine(_folder, "log"), parsed.Log);
    }
}
