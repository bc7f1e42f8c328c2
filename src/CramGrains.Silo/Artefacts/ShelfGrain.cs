using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using Orleans.Placement;

namespace CramGrains.Silo.Artefacts;

[PinToMachine, Immovable]
internal sealed class ShelfGrain(CheckpointCopies copies, GlueOffers glue) : Grain, IShelfGrain
{
    public Task KeepCheckpointAsync(string runId, string name, string digest, string corpus)
    {
        copies.Bring(runId, name, digest, corpus);
        return Task.CompletedTask;
    }

    // Reading the files must not hold up this grain's other callers for longer than it takes, nor block its scheduler.
    public Task<ArtefactManifest?> OfferGlueAsync(string folder, GlueTaskName task) => Task.Run(() => glue.Offer(folder, task));

    public Task<CorpusNaming> NameCorpusAsync(string recipeJson, string? glueFolder)
    {
        Recipe? recipe = RecipeLoader.Load(recipeJson, "run", []).Recipe;
        if (recipe is null)
        {
            return Task.FromResult(new CorpusNaming(null, ["this machine's build refuses the recipe; all machines of a cluster should run the same"]));
        }

        (string? digest, IReadOnlyList<string> problems) = CorpusRequest.Name(recipe.Corpus, glueFolder);
        return Task.FromResult(new CorpusNaming(digest, problems));
    }

    public async Task<GluePlan?> PlanGlueAsync(IReadOnlyList<GlueTaskName> wanted, string folder) =>
        Directory.Exists(folder) ? await Task.Run(() => GlueFiles.Plan(wanted, folder)) : null;
}
