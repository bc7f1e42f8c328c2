using CramGrains.Model.Recipes;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Artefacts;

/// <summary>What a worker needs on this machine's disk before it can start, and the bringing of it.</summary>
internal sealed class Supplies(IGrainFactory grains, IMachines machines, CorpusCopies corpora, Deliveries deliveries, ArtefactFolders folders)
{
    /// <summary>Brings everything.</summary>
    /// <param name="assignment">What the worker is to do.</param>
    /// <param name="waitsFor">Told what is being brought: its target folder and what people call it.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The assignment with the places of what was brought.</returns>
    /// <exception cref="ArtefactException">Something cannot be had.</exception>
    /// <exception cref="IOException">This machine's disk refuses.</exception>
    public async Task<WorkerAssignment> BringAsync(WorkerAssignment assignment, Action<string, string> waitsFor, CancellationToken cancellationToken)
    {
        switch (assignment.Job)
        {
            case WorkerJob.Pretrain:
                await corpora.BringAsync(assignment.CorpusDigest, whole: true, waitsFor, cancellationToken);
                await BringCheckpointAsync(assignment.RunId, waitsFor, cancellationToken);
                return assignment;
            case WorkerJob.FineTune:
                await corpora.BringAsync(assignment.CorpusDigest, whole: false, waitsFor, cancellationToken);
                await BringCheckpointAsync(assignment.RunId, waitsFor, cancellationToken);
                return assignment with { GlueFolder = await BringGlueAsync(assignment, waitsFor, cancellationToken) };
            default:
                return assignment; // a corpus is made where its sources are
        }
    }

    /// <summary>The newest that can be had, unless this machine has one that is as new.</summary>
    /// <remarks>
    /// Of a machine that is lost the last checkpoint may have been published and not yet been copied. The run then goes on from the one before: an interval
    /// of training lost is better than a run that waits for a machine which may never come back.
    /// </remarks>
    private async Task BringCheckpointAsync(string runId, Action<string, string> waitsFor, CancellationToken cancellationToken)
    {
        IArtefactGrain checkpoints = grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints(runId));
        IReadOnlyList<PublishedArtefact> versions = await checkpoints.ListAsync();
        IReadOnlyDictionary<string, string> alive = machines.Alive;
        // What this machine has itself counts too, or it would wait for a lost machine's last one beside the one before.
        PublishedArtefact? best = versions.FirstOrDefault(version => Directory.Exists(Path.Combine(folders.Checkpoints(runId), version.Name))
            || version.Machines.Any(machine => machine != machines.Own && alive.ContainsKey(machine))) ?? (versions is [var only, ..] ? only : null);
        if (best is null || (folders.NewestCheckpoint(runId) is { } here && ArtefactFolders.Age(here).CompareTo(ArtefactFolders.Age(best.Name)) >= 0))
        {
            return;
        }

        string target = Path.Combine(folders.Checkpoints(runId), best.Name);
        waitsFor(target, $"checkpoint {best.Name}");
        await deliveries.BringAsync(
            new Delivery(ArtefactKind.Checkpoint, $"{runId}/{best.Name}", best.Digest, target, () => CheckpointCopies.HoldersAsync(checkpoints, best.Digest)),
            cancellationToken);
        await checkpoints.HoldAsync(best.Digest, machines.Own);
    }

    private async Task<string?> BringGlueAsync(WorkerAssignment assignment, Action<string, string> waitsFor, CancellationToken cancellationToken)
    {
        var task = Enum.Parse<GlueTaskName>((assignment.GlueTask ?? "").Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        string folder = assignment.GlueFolder ?? throw new ArtefactException("a fine-tuning needs a folder with GLUE");
        if (Evaluation.GlueFiles.Files(folder, task) is not null)
        {
            return folder;
        }

        foreach (string machine in machines.Alive.Keys.Where(machine => machine != machines.Own).Order(StringComparer.Ordinal))
        {
            ArtefactManifest? offer;
            try
            {
                offer = await grains.GetGrain<IShelfGrain>($"{machine}/shelf").OfferGlueAsync(folder, task);
            }
            catch (Exception problem) when (problem is OrleansException or TimeoutException)
            {
                continue;
            }

            if (offer is not null)
            {
                string target = folders.Glue(offer.Digest());
                waitsFor(target, $"GLUE files of {assignment.GlueTask}");
                await deliveries.BringAsync(
                    new Delivery(ArtefactKind.Glue, offer.Name, offer.Digest(), target, () => Task.FromResult<IReadOnlyList<string>>([machine])), cancellationToken);
                return target;
            }
        }

        throw new ArtefactException($"no machine that is up has GLUE files of {assignment.GlueTask} in {folder}");
    }
}
