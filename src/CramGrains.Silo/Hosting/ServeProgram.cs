using System.Net;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Telemetry;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Orleans.Configuration;

namespace CramGrains.Silo.Hosting;

/// <summary><c>CramGrains.Silo serve</c>: one silo for one home folder, until it is told to stop.</summary>
internal static class ServeProgram
{
    private const string ServiceId = "cramgrains";

    /// <returns>0 after a clean stop, 2 when it could not start for a reason that its user can mend.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        try
        {
            ServeArguments serve = ServeArguments.Parse(arguments);
            DeviceDiscovery.Check(serve.Silo.Devices);
            var home = new HomeFolder(serve.Silo.Home);
            using HomeLock held = HomeLock.Take(home);
            (int siloPort, int gatewayPort, int httpPort) = Ports.Take(serve.SiloPort, serve.GatewayPort, serve.HttpPort);
            await using WebApplication app = Build(serve, siloPort, gatewayPort, httpPort);
            await ServeAsync(app, home, new SiloDescription(
                SiloDescription.CurrentVersion, Environment.ProcessId, serve.Silo.Machine, IPAddress.Loopback.ToString(), gatewayPort, siloPort, httpPort,
                ClusterId(home), ServiceId, DateTimeOffset.UtcNow));
            return 0;
        }
        catch (StartupException problem)
        {
            await Console.Error.WriteLineAsync($"error: {problem.Message}");
            return 2;
        }
        catch (OptionsValidationException problem)
        {
            await Console.Error.WriteLineAsync($"error: {string.Join(" ", problem.Failures)}");
            return 2;
        }
    }

    private static async Task ServeAsync(WebApplication app, HomeFolder home, SiloDescription description)
    {
        File.Delete(home.SiloFile); // of a silo that was killed
        await app.StartAsync();
        description.Write(home);
        try
        {
            await app.WaitForShutdownAsync();
        }
        finally
        {
            File.Delete(home.SiloFile);
        }
    }

    private static WebApplication Build(ServeArguments serve, int siloPort, int gatewayPort, int httpPort)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddJsonFile(Path.Combine(serve.Silo.Home, "silo-settings.json"), optional: true, reloadOnChange: false);
        builder.Host.UseSystemd();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, httpPort));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.AddCramServices(builder.Configuration, serve.Silo);
        builder.Host.UseOrleans(silo => silo
            .UseLocalhostClustering(siloPort, gatewayPort, serviceId: ServiceId, clusterId: ClusterId(new HomeFolder(serve.Silo.Home)))
            .Configure<EndpointOptions>(endpoint => endpoint.AdvertisedIPAddress = IPAddress.Loopback)
            .UseEmbeddedStore()
            .AddCramGrains(serve.Silo));
        builder.Services.AddHealthChecks();
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("cramgrains-silo", serviceInstanceId: serve.Silo.Machine))
            .WithMetrics(metrics => metrics
                .AddMeter(CramMetrics.MeterName, "Microsoft.Orleans")
                .AddRuntimeInstrumentation()
                .AddPrometheusExporter());
        WebApplication app = builder.Build();
        app.MapHealthChecks("/healthz");
        app.MapPrometheusScrapingEndpoint("/metrics");
        return app;
    }

    /// <summary>Different homes are different clusters, so that a client with a stale port never talks to another's.</summary>
    private static string ClusterId(HomeFolder home) =>
        "cram-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(home.Root)))[..12];
}
