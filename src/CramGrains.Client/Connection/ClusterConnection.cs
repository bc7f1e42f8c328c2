using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace CramGrains.Client.Connection;

/// <summary>A connection to the gateway of one silo.</summary>
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
        var address = IPAddress.TryParse(silo.GatewayAddress, out var parsed)
            ? parsed
            : (await Dns.GetHostAddressesAsync(silo.GatewayAddress, cancellationToken)).FirstOrDefault() ?? IPAddress.Loopback;
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client =>
        {
            client.UseStaticClustering(new IPEndPoint(address, silo.GatewayPort));
            client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (silo.ClusterId, silo.ServiceId));
        });
        var host = builder.Build();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await host.StartAsync(limit.Token);
            return new ClusterConnection(host, silo);
        }
        catch (Exception problem) when (!cancellationToken.IsCancellationRequested && problem is OperationCanceledException or Orleans.Runtime.OrleansException)
        {
            host.Dispose();
            throw new CommandException(ExitCodes.NoCluster, $"No silo answers at {silo.GatewayAddress}:{silo.GatewayPort}. Start one with `cram up`, or name another with --cluster HOST:PORT.");
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _host.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _host.Dispose();
    }
}
