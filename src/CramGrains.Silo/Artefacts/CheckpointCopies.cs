using CramGrains.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Artefacts;

/// <summary>Copies of checkpoints on machines that do not train their run, so that it can go on when the machine that does is lost.</summary>
internal sealed partial class CheckpointCopies(
    IGrainFactory grains, IMachines machines, CorpusCopies corpora, Deliveries deliveries, ArtefactFolders folders, IOptions<ClusterMemberOptions> options, ILogger<CheckpointCopies> logger)
{
    /// <summary>Asks other machines for copies; always the same ones for a run as long as they are up.</summary>
    public async Task AskAsync(string runId, string checkpoint, string digest, string corpus)
    {
        IEnumerable<string> others = machines.Alive.Keys.Where(machine => machine != machines.Own)
            .OrderByDescending(machine => Rank(runId, machine)).Take(options.Value.CheckpointCopies - 1);
        foreach (string machine in others)
        {
            try
            {
                await grains.GetGrain<IShelfGrain>($"{machine}/shelf").KeepCheckpointAsync(runId, checkpoint, digest, corpus);
            }
            catch (Exception problem) when (problem is OrleansException or TimeoutException)
            {
                LogNotAsked(logger, machine, runId, checkpoint, problem.Message); // the next checkpoint is not far
            }
        }
    }

    /// <summary>Begins to bring a copy here.</summary>
    public void Bring(string runId, string checkpoint, string digest, string corpus) => _ = Task.Run(() => BringAsync(runId, checkpoint, digest, corpus));

    private async Task BringAsync(string runId, string checkpoint, string digest, string corpus)
    {
        try
        {
            // A checkpoint is of no use where its corpus cannot be had, and the machine that made it may be the one that is lost.
            await corpora.BringAsync(corpus, whole: true, (_, _) => { }, CancellationToken.None);
            IArtefactGrain published = grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints(runId));
            await deliveries.BringAsync(
                new Delivery(ArtefactKind.Checkpoint, $"{runId}/{checkpoint}", digest, Path.Combine(folders.Checkpoints(runId), checkpoint), () => HoldersAsync(published, digest)),
                CancellationToken.None);
            await published.HoldAsync(digest, machines.Own);
            RemoveOlder(runId, checkpoint);
        }
        catch (Exception problem) // A copy is a precaution; whatever keeps it from being made must not harm the silo.
        {
            LogNotBrought(logger, runId, checkpoint, problem.Message);
        }
    }

    public static async Task<IReadOnlyList<string>> HoldersAsync(IArtefactGrain published, string digest) =>
        (await published.ListAsync()).FirstOrDefault(version => version.Digest == digest)?.Machines ?? [];

    private void RemoveOlder(string runId, string newest)
    {
        var age = ArtefactFolders.Age(newest);
        foreach (string path in new Model.Checkpoints.CheckpointStore(folders.Checkpoints(runId), keep: 1).List())
        {
            // The device lock of this machine's own attempt does not matter here: a run trains on one machine, and it asked another one for this copy.
            if (ArtefactFolders.Age(Path.GetFileName(path)).CompareTo(age) < 0)
            {
                // Its name goes first, so that nobody finds half of it.
                string dying = $"{Path.GetDirectoryName(path)}/.unfinished-{Guid.NewGuid():N}";
                Directory.Move(path, dying);
                Directory.Delete(dying, recursive: true);
            }
        }
    }

    private static long Rank(string runId, string machine) =>
        BitConverter.ToInt64(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"{runId}\n{machine}")));

    [LoggerMessage(EventId = 1721, Level = LogLevel.Warning, Message = "{Machine} could not be asked for a copy of {RunId} {Checkpoint}: {Problem}")]
    private static partial void LogNotAsked(ILogger logger, string machine, string runId, string checkpoint, string problem);

    [LoggerMessage(EventId = 1722, Level = LogLevel.Warning, Message = "No copy of {RunId} {Checkpoint}: {Problem}")]
    private static partial void LogNotBrought(ILogger logger, string runId, string checkpoint, string problem);
}
