using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace CramGrains.Silo.Devices;

/// <summary>Places a grain on the machine that its key names, up to the first slash.</summary>
/// <remarks>
/// Outside the grain directory: where such a grain lives follows from its key, so there is no entry to look up, and none to lose when the machine that
/// happened to hold the entry dies (with the default directory, an unrelated death deactivates healthy activations).
/// </remarks>
[GenerateSerializer, Immutable, Alias("cram.PinToMachine")]
internal sealed class PinToMachinePlacement : PlacementStrategy
{
    public static PinToMachinePlacement Instance { get; } = new();

    public override bool IsUsingGrainDirectory => false;
}

/// <summary>Marks a grain class as pinned to the machine that its key names.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class PinToMachineAttribute() : PlacementAttribute(PinToMachinePlacement.Instance);

/// <summary>Finds the machine's silo by the metadata that every silo publishes.</summary>
internal sealed class PinToMachineDirector(ISiloMetadataCache metadata) : IPlacementDirector
{
    public const string MachineKey = "cram.machine";

    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        string key = target.GrainIdentity.Key.ToString()!;
        string machine = key[..key.IndexOf('/', StringComparison.Ordinal)];
        SiloAddress? silo = context.GetCompatibleSilos(target)
            .Where(s => metadata.GetSiloMetadata(s).Metadata.TryGetValue(MachineKey, out string? name) && name == machine)
            .MaxBy(s => s.Generation); // during a fast restart both generations may still be listed
        return silo is not null ? Task.FromResult(silo) : throw new OrleansException($"no silo of machine '{machine}' is up");
    }
}
