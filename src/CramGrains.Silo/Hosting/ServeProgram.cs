using System.Net;
using CramGrains.Interfaces.Access;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Telemetry;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Orleans.Configuration;
using StackExchange.Redis;

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
            IPAddress address = serve.Cluster.IsMember ? serve.Cluster.Address() : IPAddress.Loopback;
            ClusterMemberCheck.Check(serve.Cluster, address);
            var home = new HomeFolder(serve.Silo.Home, serve.Cluster.SharedFolder, serve.Silo.LockFolder);
            using HomeLock held = HomeLock.Take(home);
            if (serve.Log is { } log)
            {
                ProcessDetachment.Detach(log); // now that its disk is known to take what it says
            }

            await using IConnectionMultiplexer? redis = serve.Cluster.IsMember ? await ClusterHosting.ConnectAsync(serve.Cluster) : null;
            if (redis is not null)
            {
                await new StoreIdentity(redis, serve.Cluster.Id, home).CheckAsync(serve.Silo.Machine);
            }
            else
            {
                MachineName.Remember(home, serve.Silo.Machine);
            }

            (int siloPort, int gatewayPort, int httpPort) = Ports.Take(address, serve.SiloPort, serve.GatewayPort, serve.HttpPort);
            string cluster = redis is null ? ClusterId(home) : serve.Cluster.Id;
            var description = new SiloDescription(
                SiloDescription.CurrentVersion, Environment.ProcessId, serve.Silo.Machine, address.ToString(), gatewayPort, siloPort, httpPort,
                cluster, redis is null ? ServiceId : cluster, DateTimeOffset.UtcNow, OperatingSystem.IsLinux() ? ProcessIdentity.Of(Environment.ProcessId)?.StartTicks : null, serve.Cluster.UsesTls);
            await using WebApplication app = Build(serve, home, redis, description);
            await ServeAsync(app, home, description);
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
        catch (InvalidDataException problem) // a certificate or a token that cannot be used
        {
            await Console.Error.WriteLineAsync($"error: {problem.Message}");
            return 2;
        }
    }

    private static async Task ServeAsync(WebApplication app, HomeFolder home, SiloDescription description)
    {
        File.Delete(home.SiloFile); // of a silo that was killed
        try
        {
            await app.StartAsync();
        }
        catch (Exception problem) when (Ports.Taken(problem) is { } taken)
        {
            throw taken;
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return; // told to stop before it was ready
        }

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

    private static WebApplication Build(ServeArguments serve, HomeFolder home, IConnectionMultiplexer? redis, SiloDescription description)
    {
        ClusterCertificates? certificates = serve.Cluster is { Certificate: { } certificate, CertificateKey: { } key, Authority: { } authority }
            ? ClusterCertificates.Load(certificate, key, authority)
            : null;
        AccessToken? token = serve.Cluster.TokenFile is { } file ? AccessToken.ReadFile(file) : null;
        IPAddress address = IPAddress.Parse(description.GatewayAddress);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddConfiguration(serve.Configuration);
        builder.Host.UseSystemd();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(address, description.HttpPort, listen =>
        {
            if (certificates is not null)
            {
                listen.UseHttps(certificates.Own);
            }
        }));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.AddSingleton(home);
        if (certificates is not null)
        {
            builder.Services.AddSingleton(certificates);
        }

        if (redis is not null)
        {
            builder.Services.AddTravellingArtefacts(serve.Cluster);
        }

        builder.Services.AddCramServices(builder.Configuration, serve.Silo);
        builder.Host.UseOrleans(silo =>
        {
            if (redis is null)
            {
                silo.UseLocalhostClustering(description.SiloPort, description.GatewayPort, serviceId: description.ServiceId, clusterId: description.ClusterId)
                    .Configure<EndpointOptions>(endpoint => endpoint.AdvertisedIPAddress = IPAddress.Loopback)
                    .UseEmbeddedStore();
            }
            else
            {
                silo.UseMemberEndpoints(serve.Cluster, address, description.SiloPort, description.GatewayPort).UseClusterStore(serve.Cluster, redis, home);
            }

            if (certificates is not null)
            {
                silo.UseCertificates(certificates);
            }

            if (token is not null)
            {
                silo.UseToken(token);
            }

            silo.AddCramGrains(serve.Silo, description);
        });
        builder.Services.AddHealthChecks();
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("cramgrains-silo", serviceInstanceId: serve.Silo.Machine))
            .WithMetrics(metrics => metrics
                .AddMeter(CramMetrics.MeterName, "Microsoft.Orleans")
                .AddRuntimeInstrumentation()
                .AddPrometheusExporter());
        WebApplication app = builder.Build();
        if (token is not null)
        {
            app.UseToken(token);
        }

        app.MapHealthChecks("/healthz");
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapGet("/silo.json", () => SiloDescription.TryRead(home) is { } silo
            ? Results.Json(silo, WorkerJson.Options)
            : Results.StatusCode(StatusCodes.Status503ServiceUnavailable)); // not ready yet, or on its way out
        app.MapMembers();
        app.MapArtefacts();
        return app;
    }

    /// <summary>Different homes are different clusters, so that a client with a stale port never talks to another's.</summary>
    private static string ClusterId(HomeFolder home) =>
        "cram-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(home.Root)))[..12];
}
