using CramGrains.Silo.Hosting;
using Orleans.Placement;

namespace CramGrains.Silo.Artefacts;

/// <summary>Durable state of an artefact grain.</summary>
internal sealed class ArtefactRecord
{
    /// <summary>The highest epoch that has begun; nothing lower is published any more.</summary>
    public long Epoch { get; set; }

    /// <summary>What is published, newest first.</summary>
    public List<PublishedArtefact> Versions { get; set; } = [];
}

[Immovable]
[CollectionAgeLimit(Minutes = 2)]
internal sealed partial class ArtefactGrain(
    [PersistentState("artefact", "cram")] IPersistentState<ArtefactRecord> storage, Telemetry.CramMetrics metrics, ILogger<ArtefactGrain> logger)
    : DurableGrain<ArtefactRecord>(storage), IArtefactGrain
{
    // The one before the newest is kept for when the newest turns out to be damaged.
    private const int Kept = 2;

    public async Task<bool> BeginAsync(long epoch)
    {
        if (epoch < State.Epoch)
        {
            return Refuse(epoch, "an attempt");
        }

        if (epoch > State.Epoch)
        {
            State.Epoch = epoch;
            await SaveAsync();
        }

        return true;
    }

    public async Task<bool> PublishAsync(long epoch, string name, string digest, string machine)
    {
        if (epoch < State.Epoch)
        {
            return Refuse(epoch, name);
        }

        if (State.Versions.Find(version => version.Digest == digest && version.Name == name) is { } known)
        {
            if (!known.Machines.Contains(machine))
            {
                Replace(known, known with { Machines = [.. known.Machines, machine] });
                await SaveAsync();
            }

            return true;
        }

        State.Epoch = epoch;
        // A version of the same name with other content is what it replaces: the attempt wrote that step again.
        State.Versions = [new PublishedArtefact(name, digest, epoch, [machine]), .. State.Versions.Where(version => version.Name != name).Take(Kept - 1)];
        await SaveAsync();
        return true;
    }

    public Task HoldAsync(string digest, string machine) => ChangeAsync(
        digest, version => version.Machines.Contains(machine) ? version : version with { Machines = [.. version.Machines, machine] });

    public Task LetGoAsync(string digest, string machine) => ChangeAsync(
        digest, version => version.Machines.Contains(machine) ? version with { Machines = [.. version.Machines.Where(other => other != machine)] } : version);

    public Task<IReadOnlyList<PublishedArtefact>> ListAsync() => Task.FromResult<IReadOnlyList<PublishedArtefact>>([.. State.Versions]);

    private async Task ChangeAsync(string digest, Func<PublishedArtefact, PublishedArtefact> change)
    {
        if (State.Versions.Find(version => version.Digest == digest) is { } known && change(known) is var changed && !ReferenceEquals(known, changed))
        {
            Replace(known, changed);
            await SaveAsync();
        }
    }

    private void Replace(PublishedArtefact known, PublishedArtefact changed) => State.Versions[State.Versions.IndexOf(known)] = changed;

    private bool Refuse(long epoch, string what)
    {
        metrics.FenceRejected("artefact");
        LogStaleEpoch(logger, this.GetPrimaryKeyString(), what, epoch, State.Epoch);
        return false;
    }

    [LoggerMessage(EventId = 1701, Level = LogLevel.Warning, Message = "{Artefact}: refused {What} of epoch {Epoch}, current is {Current}")]
    private static partial void LogStaleEpoch(ILogger logger, string artefact, string what, long epoch, long current);
}
