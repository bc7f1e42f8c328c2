using System.Net;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Tests.Hosting;

public sealed class ServeConfigurationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-settings-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Parse_ConfigFile_MakesAMember()
    {
        var serve = ServeArguments.Parse(["--config", Settings("""
            {"cram":{"silo":{"Home":"/srv/cram","Machine":"lab-1","HttpPort":9464},"cluster":{"Id":"lab","Redis":"redis:6379"},"runs":{"MaxAttempts":7}}}
            """)]);

        Assert.Equal(("/srv/cram", "lab-1", 9464), (serve.Silo.Home, serve.Silo.Machine, serve.HttpPort));
        Assert.True(serve.Cluster.IsMember);
        Assert.Equal("7", serve.Configuration["cram:runs:MaxAttempts"]);
    }

    [Fact]
    public void Parse_CommandLine_WinsOverTheFile()
    {
        var serve = ServeArguments.Parse(["--config", Settings("""{"cram":{"silo":{"Home":"/srv/cram","Machine":"lab-1","HttpPort":9464}}}"""), "--machine", "lab-2", "--http-port", "0"]);

        Assert.Equal(("lab-2", 0), (serve.Silo.Machine, serve.HttpPort));
        Assert.False(serve.Cluster.IsMember);
    }

    /// <summary>Corpora and runs are bound to the machine by its name: under a new one all of them would wait for a machine that is gone.</summary>
    [Fact]
    public void Parse_HostHasAnotherNameThanBefore_KeepsTheOneThatTheHomeIsKnownBy()
    {
        MachineName.Remember(new HomeFolder(_folder), "was-called-so");

        Assert.Equal("was-called-so", ServeArguments.Parse(["--home", _folder]).Silo.Machine);
        Assert.Equal(MachineName.OfHost(), ServeArguments.Parse(["--home", _folder, "--config", Settings("""{"cram":{"cluster":{"Redis":"redis:6379"}}}""")]).Silo.Machine);
        Assert.Equal("lab-2", ServeArguments.Parse(["--home", _folder, "--machine", "lab-2"]).Silo.Machine);
        Assert.Equal("lab-1", ServeArguments.Parse(["--home", _folder, "--config", Settings("""{"cram":{"silo":{"Machine":"lab-1"}}}""")]).Silo.Machine);
    }

    [Fact]
    public void Parse_RememberedNameIsNoName_SaysHowToGiveOne()
    {
        File.WriteAllText(Path.Combine(_folder, "machine"), "two words/and more\n");

        var problem = Assert.Throws<StartupException>(() => ServeArguments.Parse(["--home", _folder]));

        Assert.Contains("--machine NAME", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"cram":{"clutser":{"Redis":"x:1"}}}""", "cram:clutser")]
    [InlineData("""{"cram":{"cluster":{"Rediss":"x:1"}}}""", "cram:cluster:Rediss")]
    [InlineData("""{"cram":{"runs":{"MaxAttempt":1}}}""", "cram:runs:MaxAttempt")]
    [InlineData("""{"cram":{"silo":{"HttpPort":"many"}}}""", "HttpPort")]
    [InlineData("""{"cram":{"cluster":{"CheckpointCopies":0}}}""", "CheckpointCopies")]
    [InlineData("""{"cram":{"cluster":{"Id":"two words"}}}""", "cram:cluster:Id")]
    [InlineData("""{"cram":{"silo":{"HttpPort":99999}}}""", "cram:silo:HttpPort")]
    [InlineData("""{"cram":{"runs":{"MaxAttempts":0}}}""", "cram:runs:MaxAttempts")]
    [InlineData("""{"cram":{"devices":{"WorkerLeaseSeconds":0.5}}}""", "cram:devices:WorkerLeaseSeconds")]
    [InlineData("""{"cram":{"devices":{"WorkerLeaseSeconds":900}}}""", "cram:runs:MachineLostSeconds must be longer than cram:devices:WorkerLeaseSeconds (900 s), got 600 s")]
    [InlineData("""{"cram":{"runs":{"MachineLostSeconds":300}}}""", "cram:runs:MachineLostSeconds must be longer than cram:devices:WorkerLeaseSeconds (300 s), got 300 s")]
    [InlineData("""{"cram":{"runs":{"WorkerLeaseSeconds":60}}}""", "cram:runs:WorkerLeaseSeconds is no setting")]
    [InlineData("""{"cram":{"devices":{"WorkerLeaseSeconds":"five minutes"}}}""", "cram:devices:WorkerLeaseSeconds")]
    [InlineData("""{"cram":{"scheduling":{"GuaranteedRunSeconds":-4}}}""", "cram:scheduling:GuaranteedRunSeconds")]
    [InlineData("""{"cram":{"retention":{"CopyHours":"1,5"}}}""", "cram:retention:CopyHours")]
    [InlineData("""{"cram":{"artefacts":{"PatienceSeconds":0}}}""", "cram:artefacts:PatienceSeconds")]
    [InlineData("""{"cram":""", "settings.json")]
    public void Parse_BadSettings_NamesWhatIsWrong(string json, string named)
    {
        var problem = Assert.Throws<StartupException>(() => ServeArguments.Parse(["--home", _folder, "--config", Settings(json)]));

        Assert.Contains(named, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_NoSuchConfigFile_NamesIt() =>
        Assert.Contains("/no/such.json", Assert.Throws<StartupException>(() => ServeArguments.Parse(["--home", _folder, "--config", "/no/such.json"])).Message, StringComparison.Ordinal);

    [Fact]
    public void Check_OffLoopbackWithNeitherCertificatesNorToken_IsRefused()
    {
        var problem = Assert.Throws<StartupException>(() => ClusterMemberCheck.Check(new ClusterMemberOptions { Redis = "r:1" }, IPAddress.Parse("192.0.2.1")));

        Assert.Contains("certificates", problem.Message, StringComparison.Ordinal);
        Assert.Contains("token", problem.Message, StringComparison.Ordinal);
        Assert.Contains("AllowInsecure", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_OffLoopbackWithATokenAlone_AsksForCertificates()
    {
        string token = Path.Combine(_folder, "token");
        File.WriteAllText(token, new string('a', 32));

        Assert.Contains("certificates", Assert.Throws<StartupException>(
            () => ClusterMemberCheck.Check(new ClusterMemberOptions { TokenFile = token }, IPAddress.Parse("192.0.2.1"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_OffLoopbackNamedInsecure_IsAllowed() => ClusterMemberCheck.Check(new ClusterMemberOptions { AllowInsecure = true }, IPAddress.Parse("192.0.2.1"));

    [Fact]
    public void Check_CertificateWithoutItsKey_IsRefused() => Assert.Contains("belong together", Assert.Throws<StartupException>(
        () => ClusterMemberCheck.Check(new ClusterMemberOptions { Certificate = "c.pem" }, IPAddress.Loopback)).Message, StringComparison.Ordinal);

    private string Settings(string json)
    {
        string path = Path.Combine(_folder, "settings.json");
        File.WriteAllText(path, json);
        return path;
    }
}
