using System.Diagnostics;
using CramGrains.Client.Connection;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>Whose silo.json it is: this process plays the silo.</summary>
public sealed class SiloDescriptionTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("cram-described-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public void TryRead_ClockSetForwardSinceTheSiloBegan_IsThatSilo()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells when a process began in ticks since the machine's start.");
        Describe(DateTimeOffset.UtcNow.AddDays(-1), OwnTicks());
        Assert.NotNull(SiloDescription.TryRead(_home));
    }

    [Fact]
    public void TryRead_ProcessIdGivenToAnotherSince_IsNone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells when a process began in ticks since the machine's start.");
        Describe(DateTimeOffset.UtcNow, OwnTicks() - 1);
        Assert.Null(SiloDescription.TryRead(_home));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, false)]
    public void TryRead_SiloThatDoesNotTellItsTicks_IsToldByTheTimeOfDay(int days, bool alive)
    {
        Describe(DateTimeOffset.UtcNow.AddDays(days), null);
        Assert.Equal(alive, SiloDescription.TryRead(_home) is not null);
    }

    [Theory]
    [InlineData("192.0.2.11", false, "http://192.0.2.11:3/metrics")]
    [InlineData("fd00::7", true, "https://[fd00::7]:3/metrics")]
    public void Metrics_OfAMemberOfACluster_AreWhereItListens(string address, bool https, string expected) =>
        Assert.Equal(expected, new SiloDescription(1, "m", address, 1, 3, "c", "s", default, Https: https).Metrics);

    [Fact]
    public async Task Down_NowOfAMemberOfACluster_IsRefusedSinceItsRunsAreEverybodys()
    {
        using var silo = Process.Start("sleep", "300");
        try
        {
            Describe(DateTimeOffset.UtcNow, null, silo.Id, cluster: "s");
            var down = await CramProcess.RunAsync(TimeSpan.FromMinutes(2), "down", "--now", "--home", _home);
            Assert.Equal(2, down.ExitCode);
            Assert.Contains("would cancel the runs of all its machines", down.Errors, StringComparison.Ordinal);
            Assert.Contains("cram drain m --now", down.Errors, StringComparison.Ordinal);
            Assert.False(silo.HasExited);
        }
        finally
        {
            silo.Kill();
        }
    }

    private static long OwnTicks() => long.Parse(File.ReadAllText("/proc/self/stat").Split(") ")[^1].Split(' ')[19], System.Globalization.CultureInfo.InvariantCulture);

    private void Describe(DateTimeOffset startedAt, long? ticks, int? process = null, string cluster = "c") => File.WriteAllText(Path.Combine(_home, "silo.json"), $$"""
        { "version": 1, "pid": {{process ?? Environment.ProcessId}}, "machine": "m", "gateway_address": "127.0.0.1", "gateway_port": 1, "silo_port": 2, "http_port": 3,
          "cluster_id": "{{cluster}}", "service_id": "s", "started_at": "{{startedAt:O}}"{{(ticks is null ? "" : $", \"start_ticks\": {ticks}")}} }
        """);
}
