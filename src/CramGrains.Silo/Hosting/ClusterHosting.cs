using System.Net;
using CramGrains.Interfaces.Access;
using CramGrains.Silo.Runs;
using Orleans.Configuration;
using Orleans.Connections.Security;
using StackExchange.Redis;

namespace CramGrains.Silo.Hosting;

/// <summary>What a member of a cluster has instead of the embedded store: Redis, and doors with locks.</summary>
internal static class ClusterHosting
{
    private static readonly TimeSpan RedisPatience = TimeSpan.FromSeconds(10);

    /// <summary>Connects to the cluster's Redis.</summary>
    /// <exception cref="StartupException">It does not answer.</exception>
    public static async Task<IConnectionMultiplexer> ConnectAsync(ClusterMemberOptions options)
    {
        try
        {
            return await ConnectionMultiplexer.ConnectAsync(Redis(options)).WaitAsync(RedisPatience);
        }
        catch (Exception problem) when (problem is RedisConnectionException or TimeoutException)
        {
            throw new StartupException($"cram:cluster:Redis: {EndPoints(options)} does not answer: {problem.Message}");
        }
    }

    /// <summary>Membership, reminders and grain state in Redis, each write of state against the version that was read.</summary>
    public static ISiloBuilder UseClusterStore(this ISiloBuilder builder, ClusterMemberOptions options, IConnectionMultiplexer redis, HomeFolder home)
    {
        var store = new StoreIdentity(redis, options.Id, home);
        builder.Services.AddSingleton(redis);
        builder.Services.AddSingleton(store);
        builder.Services.AddHostedService<StoreWatch>();
        builder.AddIncomingGrainCallFilter<StoreErrors>();
        builder.Services.AddSingleton<IRunLogs>(new RedisRunLogs(redis, options.Id));
        builder.UseRedisClustering(clustering => clustering.ConfigurationOptions = Redis(options));
        builder.UseRedisReminderService(reminders => reminders.ConfigurationOptions = Redis(options));
        builder.AddRedisGrainStorage(SiloHosting.StorageName, storage =>
        {
            storage.ConfigurationOptions = Redis(options);
            storage.GrainStorageSerializer = new StateSerializer();
            // A grain may have several states, so the name is part of the key.
            storage.GetStorageKey = (name, grain) => $"{options.Id}/state/{name}/{grain}";
        });
        ReadableStorage.Wrap(builder.Services, SiloHosting.StorageName);
        return builder;
    }

    /// <summary>Where the silo listens and under which name.</summary>
    public static ISiloBuilder UseMemberEndpoints(this ISiloBuilder builder, ClusterMemberOptions options, IPAddress address, int siloPort, int gatewayPort)
    {
        // One name for both: reminders and state are kept by service, membership by cluster, and nothing of ours outlives a cluster.
        builder.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Id, options.Id));
        builder.Configure<EndpointOptions>(endpoints =>
        {
            endpoints.AdvertisedIPAddress = address;
            endpoints.SiloPort = siloPort;
            endpoints.GatewayPort = gatewayPort;
            endpoints.SiloListeningEndpoint = new IPEndPoint(address, siloPort);
            endpoints.GatewayListeningEndpoint = new IPEndPoint(address, gatewayPort);
        });
        return builder;
    }

    /// <summary>Mutual TLS between silos and towards clients.</summary>
    public static ISiloBuilder UseCertificates(this ISiloBuilder builder, ClusterCertificates certificates) => builder.UseTls(certificates.Own, tls =>
    {
        tls.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        tls.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
        tls.RemoteCertificateValidation = (shown, _, _) => certificates.IsTrusted(shown);
        tls.OnAuthenticateAsClient = (_, client) =>
        {
            client.TargetHost = "cramgrains"; // No name is compared; see ClusterCertificates.
            client.ClientCertificates = [certificates.Own];
        };
    });

    /// <summary>The token on every grain call, both ways.</summary>
    public static ISiloBuilder UseToken(this ISiloBuilder builder, AccessToken token)
    {
        builder.Services.AddSingleton(token);
        builder.AddOutgoingGrainCallFilter(new TokenSender(token));
        builder.AddIncomingGrainCallFilter<TokenCheck>();
        return builder;
    }

    private static ConfigurationOptions Redis(ClusterMemberOptions options)
    {
        try
        {
            return ConfigurationOptions.Parse(options.Redis!);
        }
        catch (ArgumentException problem)
        {
            throw new StartupException($"cram:cluster:Redis: {problem.Message} Expected HOST:PORT[,option=value...].");
        }
    }

    /// <summary>Without the password that the setting may hold.</summary>
    private static string EndPoints(ClusterMemberOptions options) => string.Join(", ", Redis(options).EndPoints);
}
