using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Two silos with certificates and a token: who is let in, and who is not.</summary>
[Trait("Category", "EndToEnd"), Trait("Category", "Cluster")]
public sealed class AccessTests
{
    [Fact]
    public async Task Cluster_WithCertificatesAndToken_LetsOnlyTheirHoldersIn()
    {
        await using var lab = await Lab.StartAsync(machines: 0);
        using var authority = new Certificates(lab.Folder, "authority");
        using var stranger = new Certificates(lab.Folder, "stranger");
        string token = RandomNumberGenerator.GetHexString(32), tokenFile = Path.Combine(lab.Folder, "token");
        await File.WriteAllTextAsync(tokenFile, token + "\n", TestContext.Current.CancellationToken);
        foreach (string machine in new[] { "m1", "m2" })
        {
            var (certificate, key) = authority.Sign(machine);
            lab.Add(machine, clusterSettings: new()
            {
                ["Certificate"] = certificate, ["CertificateKey"] = key, ["Authority"] = authority.Authority, ["TokenFile"] = tokenFile,
            }).Start();
        }

        await Task.WhenAll(lab.Silos.Select(silo => silo.ReadyAsync()));

        // Both silos are in one cluster, so they speak to each other, and the client to them.
        var member = Settings(lab, "member", authority, tokenFile);
        await Eventually.TrueAsync(
            async () => (await CramAsync(lab, member, "devices", "--json")) is { ExitCode: 0 } devices && devices.Json.GetArrayLength() == 2,
            () => $"a member sees both devices; m1 says:\n{lab["m1"].Tail()}", Lab.Patience);

        var withoutToken = await CramAsync(lab, Settings(lab, "no-token", authority, null), "devices");
        Assert.Equal(3, withoutToken.ExitCode);
        Assert.Contains("CRAM_TOKEN", withoutToken.Errors, StringComparison.Ordinal);

        var otherAuthority = await CramAsync(lab, Settings(lab, "other", stranger, tokenFile), "devices");
        Assert.Equal(3, otherAuthority.ExitCode);

        var nothing = await CramAsync(lab, [], "devices");
        Assert.Equal(3, nothing.ExitCode);

        using var http = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true });
        string metrics = $"https://{lab["m1"].HttpAddress}/metrics";
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri(metrics), TestContext.Current.CancellationToken)).StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        Assert.Contains("cram_queue_depth", await http.GetStringAsync(new Uri(metrics), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_OfIPv6Addresses_IsReachedAndToldAboutAsOne()
    {
        Assert.SkipUnless(System.Net.Sockets.Socket.OSSupportsIPv6, "This machine has no IPv6.");
        await using var lab = await Lab.StartAsync(machines: 0);
        var silo = lab.Add("m1", clusterSettings: new() { ["AdvertisedAddress"] = "::1" });
        await silo.StartAndWaitAsync();
        string address = $"[::1]:{silo.Description!.HttpPort}";

        (await CramProcess.RunAsync(Lab.Patience, "devices", "--home", silo.Home)).Expect(0);
        (await CramProcess.RunAsync(Lab.Patience, "devices", "--cluster", address)).Expect(0);
        Assert.Contains($"metrics at http://{address}/metrics", (await CramProcess.RunAsync(Lab.Patience, "up", "--home", silo.Home)).Expect(0).Output, StringComparison.Ordinal);
        using var http = new HttpClient();
        Assert.Contains($"\"targets\":[\"{address}\"]", await http.GetStringAsync(new Uri($"http://{address}/sd"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silo_OffLoopbackWithoutCertificates_DoesNotStart()
    {
        await using var lab = await Lab.StartAsync(machines: 0);
        var silo = lab.Add("m1", clusterSettings: new() { ["AdvertisedAddress"] = "192.0.2.7" });

        silo.Start();
        await silo.EndedAsync(Lab.Patience);

        Assert.Equal(2, silo.ExitCode);
        Assert.Contains("192.0.2.7 is not loopback", await silo.ReadErrorsAsync(), StringComparison.Ordinal);
    }

    private static Task<CramProcess> CramAsync(Lab lab, Dictionary<string, string> environment, params string[] arguments) =>
        CramProcess.RunAsync(Lab.Patience, environment, [.. arguments, "--cluster", lab.Addresses]);

    private static Dictionary<string, string> Settings(Lab lab, string name, Certificates authority, string? tokenFile)
    {
        var (certificate, key) = authority.Sign(string.Create(CultureInfo.InvariantCulture, $"user-{name}"));
        string path = Path.Combine(lab.Folder, $"client-{name}.json");
        var settings = new Dictionary<string, string> { ["certificate"] = certificate, ["certificate_key"] = key, ["authority"] = authority.Authority };
        if (tokenFile is not null)
        {
            settings["token_file"] = tokenFile;
        }

        File.WriteAllText(path, JsonSerializer.Serialize(settings));
        return new Dictionary<string, string> { ["CRAM_CONFIG"] = path };
    }
}
