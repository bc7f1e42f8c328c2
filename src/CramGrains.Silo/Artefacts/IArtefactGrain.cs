namespace CramGrains.Silo.Artefacts;

/// <summary>Which machines have what of one corpus (<c>corpus/DIGEST</c>) or of one run's checkpoints (<c>checkpoints/RUN</c>). Small facts only; bytes travel over HTTP.</summary>
[Alias("cram.IArtefactGrain")]
internal interface IArtefactGrain : IGrainWithStringKey
{
    /// <summary>From now on only this epoch and later ones may publish.</summary>
    /// <returns>False when a later one has begun.</returns>
    [Alias("Begin"), ResponseTimeout("00:00:10")]
    Task<bool> BeginAsync(long epoch);

    /// <summary>Makes an artefact known that is whole on a machine's disk; durable when it returns. Again changes nothing.</summary>
    /// <returns>False when the epoch is stale: the bytes may be there, but nobody will be sent to them.</returns>
    [Alias("Publish"), ResponseTimeout("00:00:10")]
    Task<bool> PublishAsync(long epoch, string name, string digest, string machine);

    /// <summary>Another machine has a copy. Forgotten versions are not held again.</summary>
    [Alias("Hold"), ResponseTimeout("00:00:10")]
    Task HoldAsync(string digest, string machine);

    /// <summary>A machine has removed its copy.</summary>
    [Alias("LetGo"), ResponseTimeout("00:00:10")]
    Task LetGoAsync(string digest, string machine);

    /// <summary>What is published, newest first.</summary>
    [Alias("List"), ResponseTimeout("00:00:10")]
    Task<IReadOnlyList<PublishedArtefact>> ListAsync();
}

/// <param name="Name">Its name.</param>
/// <param name="Digest">Digest of its manifest.</param>
/// <param name="Epoch">Epoch that published it.</param>
/// <param name="Machines">Who has it.</param>
[GenerateSerializer, Immutable, Alias("cram.PublishedArtefact")]
internal sealed record PublishedArtefact(
    [property: Id(0)] string Name, [property: Id(1)] string Digest, [property: Id(2)] long Epoch, [property: Id(3)] IReadOnlyList<string> Machines);

/// <summary>Keys of the grains.</summary>
internal static class ArtefactKeys
{
    public static string Corpus(string digest) => $"corpus/{digest}";

    public static string Checkpoints(string runId) => $"checkpoints/{runId}";
}
