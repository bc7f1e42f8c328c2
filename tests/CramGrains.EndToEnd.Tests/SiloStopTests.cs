using System.Diagnostics;
using CramGrains.EndToEnd.Tests.Cluster;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>Who stops a silo while it still starts (Ctrl-C in <c>cram up</c>, <c>systemctl stop</c>) has stopped it, and nothing has crashed.</summary>
[Trait("Category", "EndToEnd")]
public sealed class SiloStopTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("cram-silo-stop-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task Serve_StoppedWhileItStarts_EndsInGoodOrder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGTERM.");
        using var silo = Process.Start(new ProcessStartInfo(CramProcess.SiloExecutable, ["serve", "--home", _home]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = silo.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await silo.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken); // it says something, and so knows of signals, long before it is ready
        Signals.Send(silo.Id, Signals.Terminate);
        await silo.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await silo.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (silo.ExitCode, await errors));
        Assert.False(File.Exists(Path.Combine(_home, "silo.json")));
    }
}
