using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Artefacts;

/// <summary>What lies on one machine's disk; key is <c>MACHINE/shelf</c>, and the activation lives there.</summary>
[Alias("cram.IShelfGrain")]
internal interface IShelfGrain : IGrainWithStringKey
{
    /// <summary>Begins to bring a copy of a run's checkpoint and of its corpus here, and returns at once; older checkpoints of that run go when it has come.</summary>
    [Alias("KeepCheckpoint"), ResponseTimeout("00:00:05")]
    Task KeepCheckpointAsync(string runId, string name, string digest, string corpus);

    /// <summary>Lets other machines fetch the GLUE files of a task from a folder of this machine; null when they are not there.</summary>
    [Alias("OfferGlue"), ResponseTimeout("00:00:20")]
    Task<ArtefactManifest?> OfferGlueAsync(string folder, GlueTaskName task);

    /// <summary>Looks on this machine's disk for what a submit names by path.</summary>
    [Alias("FindSources"), ResponseTimeout("00:00:20")]
    Task<FoundSources> FindSourcesAsync(SubmitRun request);
}
