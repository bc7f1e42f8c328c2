using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.RegularExpressions;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace CramGrains.Silo.Tests.Hosting;

/// <summary>What <c>deploy/</c> names must be what the silo has.</summary>
public sealed partial class DeployTests
{
    private static readonly string Deploy = Path.Combine(Root(), "deploy");

    [Theory]
    [InlineData("grafana/cramgrains.json")]
    [InlineData("prometheus/alerts.yml")]
    public void DashboardAndAlerts_NameOnlyMetricsThatTheSiloExports(string file)
    {
        var exported = Exported();
        var named = MetricName().Matches(File.ReadAllText(Path.Combine(Deploy, file))).Select(match => match.Value).Distinct().ToList();

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(exported));
    }

    [Theory]
    [InlineData("single-machine.json")]
    [InlineData("cluster-member.json")]
    public void Settings_OfEachKind_AreUnderstood(string file)
    {
        var serve = ServeArguments.Parse(["--config", Path.Combine(Deploy, "settings", file)]);

        Assert.Equal(("/var/lib/cramgrains", 9464), (serve.Silo.Home, serve.HttpPort));
        Assert.Equal(file == "cluster-member.json", serve.Cluster.IsMember);
        Assert.Null(serve.Silo.LockFolder); // the machine's, where users who know nothing of these settings look too
    }

    /// <summary>Whoever installs both as they are has a silo that reaches its store.</summary>
    [Fact]
    public void Settings_RedisOfAMember_IsSpokenToAsItsConfigurationListens()
    {
        var redis = StackExchange.Redis.ConfigurationOptions.Parse(ServeArguments.Parse(["--config", Path.Combine(Deploy, "settings", "cluster-member.json")]).Cluster.Redis!);
        string[] listens = File.ReadAllLines(Path.Combine(Deploy, "redis", "redis.conf"));

        Assert.Equal(listens.Any(line => line.StartsWith("tls-port ", StringComparison.Ordinal)), redis.Ssl);
        Assert.Contains($"port {((System.Net.DnsEndPoint)redis.EndPoints.Single()).Port}", listens);
        Assert.Contains($"requirepass {redis.Password}", listens);
    }

    /// <summary>The unit does not start a silo that preflight refuses, so it must read settings as the silo does.</summary>
    [Theory]
    [InlineData("""{ "cram": { "silo": { "HttpPort": 9464 } } }""", "cram__silo__home")]
    [InlineData("""{ "cram": { "silo": { "home": "HOME" } } }""", "unused")]
    [InlineData("""{ "cram": { "silo": { "Home": "HOME" }, "cluster": { "TokenFile": null, "SharedFolder": null } } }""", "unused")]
    [InlineData("{ \"cram\": { \"silo\": { \"Home\": \"HOME\" },\n  // \"SharedFolder\": \"/not/mounted/any/more\",\n  \"cluster\": {} } }", "unused")]
    public async Task Preflight_SettingsThatTheSiloUnderstands_AreNoProblem(string settings, string variable)
    {
        var (code, problems, _) = await PreflightAsync(settings, variable);

        Assert.Equal((0, ""), (code, problems));
    }

    [Theory]
    [InlineData("redis-1", "redis-1 6379", 0)]
    [InlineData("redis-9,redis-1:6380,password=secret", "redis-9 6379;redis-1 6380", 0)]
    [InlineData("[fd00::7]:6380", "fd00::7 6380", 0)]
    [InlineData("redis-8:1,redis-9:2,password=secret", "redis-8 1;redis-9 2", 1)]
    public async Task Preflight_Redis_IsAskedWhereTheSiloWouldAskIt(string redis, string asked, int expected)
    {
        var (code, problems, asks) = await PreflightAsync($$"""{ "cram": { "silo": { "Home": "HOME" }, "cluster": { "Redis": "{{redis}}" } } }""", "unused");

        Assert.Equal((expected, asked), (code, asks));
        Assert.Equal(expected == 0 ? "" : "preflight: Redis does not answer at redis-8:1 redis-9:2.\n", problems);
    }

    /// <summary>Runs it with a program in the place of <c>nc</c>, to which every host answers but the eighth and the ninth.</summary>
    private static async Task<(int Code, string Problems, string Asked)> PreflightAsync(string settings, string variable)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "preflight.sh is for machines with systemd.");
        string folder = Directory.CreateTempSubdirectory("cram-deploy-").FullName, file = Path.Combine(folder, "silo.json"), asked = Path.Combine(folder, "asked");
        File.WriteAllText(file, settings.Replace("HOME", folder, StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(folder, "nc"), $"#!/bin/sh\necho \"$4 $5\" >> '{asked}'\ncase $4 in *-8 | *-9) exit 1 ;; esac\n");
        File.WriteAllText(asked, "");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path.Combine(folder, "nc"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        var start = new ProcessStartInfo("/bin/sh", [Path.Combine(Deploy, "preflight.sh"), "--config", file]) { RedirectStandardOutput = true, RedirectStandardError = true };
        (start.Environment[variable], start.Environment["PATH"]) = (folder, $"{folder}:{Environment.GetEnvironmentVariable("PATH")}");
        using var preflight = Process.Start(start)!;
        Task<string> said = preflight.StandardOutput.ReadToEndAsync();
        string problems = await preflight.StandardError.ReadToEndAsync();
        await said;
        await preflight.WaitForExitAsync();
        string asks = string.Join(';', await File.ReadAllLinesAsync(asked));
        Directory.Delete(folder, recursive: true);
        return (preflight.ExitCode, problems, asks);
    }

    [Fact]
    public void Kubernetes_SettingsInTheConfigMap_AreUnderstood()
    {
        string text = File.ReadAllText(Path.Combine(Deploy, "kubernetes", "cramgrains.yml"));
        int start = text.IndexOf("silo.json: |", StringComparison.Ordinal) + "silo.json: |".Length;
        string json = text[start..text.IndexOf("\n---", start, StringComparison.Ordinal)];
        string path = Path.Combine(Directory.CreateTempSubdirectory("cram-deploy-").FullName, "silo.json");
        File.WriteAllText(path, json);
        using var _ = JsonDocument.Parse(json);

        Assert.True(ServeArguments.Parse(["--config", path]).Cluster.UsesTls);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    /// <summary>Names as Prometheus sees them.</summary>
    private static HashSet<string> Exported()
    {
        var names = new HashSet<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == CramMetrics.MeterName)
            {
                names.Add(instrument is Counter<long> or ObservableCounter<double> or ObservableCounter<long> ? instrument.Name + "_total" : instrument.Name);
            }
        };
        listener.Start();
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var metrics = new CramMetrics(services.GetRequiredService<IMeterFactory>());
        return names;
    }

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "CramGrains.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests run outside of the repository.");
    }

    [GeneratedRegex(@"\bcram_[a-z_]+")]
    private static partial Regex MetricName();
}
