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

    /// <summary>Names the corpus of a recipe by this machine's files, those of GLUE included that it must not hold sentences of.</summary>
    [Alias("NameCorpus"), ResponseTimeout("00:00:10")]
    Task<CorpusNaming> NameCorpusAsync(string recipeJson, string? glueFolder);

    /// <summary>Which of the tasks a folder of this machine holds files for, and what is wrong with those; null when there is no such folder here.</summary>
    [Alias("PlanGlue"), ResponseTimeout("00:00:20")]
    Task<GluePlan?> PlanGlueAsync(IReadOnlyList<GlueTaskName> wanted, string folder);
}

/// <param name="Digest">Name of the corpus request; null when it cannot be made of this machine's files.</param>
/// <param name="Problems">Why not.</param>
[GenerateSerializer, Immutable, Alias("cram.CorpusNaming")]
internal sealed record CorpusNaming([property: Id(0)] string? Digest, [property: Id(1)] IReadOnlyList<string> Problems);

/// <param name="Tasks">Tasks in kebab case.</param>
/// <param name="Notices">About those that cannot be run.</param>
/// <param name="Problems">What is wrong with files of those that should be; empty when all can be read.</param>
[GenerateSerializer, Immutable, Alias("cram.GluePlan")]
internal sealed record GluePlan(
    [property: Id(0)] IReadOnlyList<string> Tasks, [property: Id(1)] IReadOnlyList<string> Notices, [property: Id(2)] IReadOnlyList<string> Problems);
