using CramGrains.Silo.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace CramGrains.Silo.Artefacts;

/// <summary>The machines of the cluster that are up.</summary>
internal interface IMachines
{
    /// <summary>This machine.</summary>
    string Own { get; }

    /// <summary>All of them by name, this one included, each with the HOST:PORT that its artefacts are served at.</summary>
    IReadOnlyDictionary<string, string> Alive { get; }
}

/// <summary>The machines by the silos' membership and metadata.</summary>
internal sealed class MemberMachines(IClusterMembershipService membership, ISiloMetadataCache metadata, IOptions<SiloOptions> silo) : IMachines
{
    public string Own => silo.Value.Machine;

    public IReadOnlyDictionary<string, string> Alive => MachineMetadata.Members(membership, metadata).ToDictionary(member => member.Machine, member => member.Http);
}
