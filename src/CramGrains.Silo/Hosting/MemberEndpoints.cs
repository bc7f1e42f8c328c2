using CramGrains.Silo.Worker;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace CramGrains.Silo.Hosting;

/// <summary>Who is in the cluster, for clients (<c>/members.json</c>) and for Prometheus' HTTP service discovery (<c>/sd</c>).</summary>
internal static class MemberEndpoints
{
    public static void MapMembers(this WebApplication app)
    {
        app.MapGet("/members.json", (IClusterMembershipService membership, ISiloMetadataCache metadata) => Results.Json(
            MachineMetadata.Members(membership, metadata).Select(member =>
            {
                var (gateway, gatewayPort) = Split(member.Gateway);
                return new { member.Machine, GatewayAddress = gateway, GatewayPort = gatewayPort, HttpPort = Split(member.Http).Port };
            }),
            WorkerJson.Options));
        app.MapGet("/sd", (IClusterMembershipService membership, ISiloMetadataCache metadata) => Results.Json(
            MachineMetadata.Members(membership, metadata).Select(member => new { targets = new[] { member.Http }, labels = new { machine = member.Machine } }),
            WorkerJson.Options));
    }

    /// <summary>HOST:PORT, where the host may be an IPv6 address with colons of its own, in brackets.</summary>
    private static (string Address, int Port) Split(string endpoint)
    {
        int colon = endpoint.LastIndexOf(':');
        return (endpoint[..colon].Trim('[', ']'), int.Parse(endpoint[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }
}
