using System.Net;
using CramGrains.Interfaces.Access;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace CramGrains.Client.Connection;

/// <summary>A connection to the gateways of a cluster: of the silo that was found, and of every other that it knows of.</summary>
internal sealed class ClusterConnection : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly IHost _host;

    private ClusterConnection(IHost host, SiloDescription silo) => (_host, Silo) = (host, silo);

    /// <summary>The silo at the other end.</summary>
    public SiloDescription Silo { get; }

    /// <summary>The cluster's grains.</summary>
    public IGrainFactory Grains => _host.Services.GetRequiredService<IClusterClient>();

    /// <exception cref="CommandException">Nothing answers there.</exception>
    public static async Task<ClusterConnection> OpenAsync(SiloDescription silo, CancellationToken cancellationToken)
    {
        var settings = ClientSettings.Load();
        using var http = new SiloHttp(settings);
        var gateways = new List<IPEndPoint>();
        foreach (var member in await http.MembersAsync(silo, cancellationToken))
        {
            gateways.Add(new IPEndPoint(await ResolveAsync(member.GatewayAddress, cancellationToken), member.GatewayPort));
        }

        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client =>
        {
            client.UseStaticClustering([.. gateways]);
            client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (silo.ClusterId, silo.ServiceId));
            if (settings.Certificates() is { } certificates)
            {
                client.Configure<ClientConnectionOptions>(options => options.ConfigureConnection(connection => connection.UseClientTls(new TlsOptions
                {
                    LocalCertificate = certificates.Own,
                    RemoteCertificateMode = RemoteCertificateMode.RequireCertificate,
                    RemoteCertificateValidation = (shown, _, _) => certificates.IsTrusted(shown),
                    OnAuthenticateAsClient = (_, hello) => (hello.TargetHost, hello.ClientCertificates) = ("cramgrains", [certificates.Own]),
                })));
            }

            if (settings.Token() is { } token)
            {
                client.AddOutgoingGrainCallFilter(new TokenSender(token));
            }
        });
        var host = builder.Build();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await host.StartAsync(limit.Token);
            return new ClusterConnection(host, silo);
        }
        catch (Exception problem) when (!cancellationToken.IsCancellationRequested && problem is OperationCanceledException or Orleans.Runtime.OrleansException or Orleans.Runtime.Messaging.ConnectionFailedException)
        {
            host.Dispose();
            throw new CommandException(ExitCodes.NoCluster, $"No silo answers at {silo.GatewayAddress}:{silo.GatewayPort}. Start one with `cram up`, or name another with --cluster HOST:PORT. A cluster with certificates lets only their holders in (client settings: certificate, certificate_key, authority).");
        }
    }

    private static async Task<IPAddress> ResolveAsync(string address, CancellationToken cancellationToken) => IPAddress.TryParse(address, out var parsed)
        ? parsed
        : (await Dns.GetHostAddressesAsync(address, cancellationToken)).FirstOrDefault() ?? IPAddress.Loopback;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _host.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _host.Dispose();
    }
}
