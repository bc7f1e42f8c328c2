using CramGrains.Cluster.Tests.Harness;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Devices;
using Orleans.Configuration;
using Orleans.Runtime.Placement;

namespace CramGrains.Cluster.Tests;

/// <summary>Grains that find no place, as when the machine that keeps their address is cut off.</summary>
[Trait("Category", "Cluster")]
public sealed class PlacementTests
{
    [Fact]
    public async Task Call_GrainFindsNoPlaceInTime_TellsTheClientOfATimeout()
    {
        await using var lab = await Lab.StartAsync(silos: silo =>
        {
            silo.AddPlacementDirector<PinToMachinePlacement, Nowhere>();
            silo.Configure<SiloMessagingOptions>(messages => (messages.PlacementTimeout, messages.PlacementMaxRetries) = (TimeSpan.FromSeconds(0.2), 100));
        });

        var problem = await Assert.ThrowsAsync<TimeoutException>(() => lab.Grains.GetGrain<IShelfGrain>("m0/shelf").OfferGlueAsync("/glue", Model.Recipes.GlueTaskName.Cola));

        Assert.Contains("placement operation timed out", problem.Message, StringComparison.Ordinal);
    }

    private sealed class Nowhere : IPlacementDirector
    {
        public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
            throw new SiloUnavailableException("it is cut off");
    }
}
