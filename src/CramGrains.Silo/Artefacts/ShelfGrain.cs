using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Runs;
using Orleans.Placement;

namespace CramGrains.Silo.Artefacts;

[PinToMachine, Immovable]
internal sealed class ShelfGrain(CheckpointCopies copies, GlueOffers glue, LocalSources sources) : Grain, IShelfGrain
{
    public Task KeepCheckpointAsync(string runId, string name, string digest, string corpus)
    {
        copies.Bring(runId, name, digest, corpus);
        return Task.CompletedTask;
    }

    // Reading the files must not hold up this grain's other callers for longer than it takes, nor block its scheduler.
    public Task<ArtefactManifest?> OfferGlueAsync(string folder, GlueTaskName task) => Task.Run(() => glue.Offer(folder, task));

    public async Task<FoundSources> FindSourcesAsync(SubmitRun request)
    {
        (Recipe? recipe, IReadOnlyList<string> problems) = RecipeGate.Load(request);
        return recipe is null
            ? new FoundSources("", null, [], [], [.. problems, "this machine's build refuses the recipe; all machines of a cluster should run the same"])
            : await sources.FindAsync(recipe, request);
    }
}
