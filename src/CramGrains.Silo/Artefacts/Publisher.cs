using System.Collections.Concurrent;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Artefacts;

/// <summary>Makes known what workers of this machine have made: each new checkpoint while they train, a corpus when it is ready.</summary>
internal sealed class Publisher(IGrainFactory grains, IMachines machines, ArtefactFolders folders, CheckpointCopies copies, HomeFolder home)
{
    private readonly ConcurrentDictionary<string, (long? Steps, string? Name)> _published = new();

    /// <summary>Looks whether there is something new. Throws when the cluster cannot be told; the caller looks again.</summary>
    public async Task LookAsync(WorkerAssignment assignment, WorkerStatus status)
    {
        bool ended = status.Phase == WorkerPhase.Ended;
        switch (status.Job)
        {
            case WorkerJob.PrepareCorpus when ended && status is { Reason: TerminationReason.Completed, Result.CorpusDigest: { } digest }:
                if (folders.Describe(ArtefactKind.Corpus, digest) is { } corpus)
                {
                    await grains.GetGrain<IArtefactGrain>(ArtefactKeys.Corpus(digest)).PublishAsync(0, digest, corpus.Digest(), machines.Own);
                }

                break;
            case WorkerJob.Pretrain:
                await LookForCheckpointAsync(assignment, status, ended);
                break;
        }
    }

    private async Task LookForCheckpointAsync(WorkerAssignment assignment, WorkerStatus status, bool ended)
    {
        (long? steps, string? name) = _published.GetValueOrDefault(assignment.WorkFolder);
        if (!ended && (status.Progress?.CheckpointSteps is null || status.Progress.CheckpointSteps == steps))
        {
            return;
        }

        // Only of this very epoch: what earlier attempts left here without publishing it is for this machine's own use.
        if (folders.NewestCheckpoint(assignment.RunId) is { } newest && newest != name && ArtefactFolders.Age(newest).Epoch == assignment.LeaseEpoch
            && folders.Describe(ArtefactKind.Checkpoint, $"{assignment.RunId}/{newest}") is { } manifest)
        {
            string digest = manifest.Digest();
            if (await grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints(assignment.RunId)).PublishAsync(assignment.LeaseEpoch, newest, digest, machines.Own) && !home.IsShared)
            {
                await copies.AskAsync(assignment.RunId, newest, digest, assignment.CorpusDigest);
            }

            name = newest;
        }

        if (ended)
        {
            _published.TryRemove(assignment.WorkFolder, out _);
        }
        else
        {
            _published[assignment.WorkFolder] = (status.Progress?.CheckpointSteps, name);
        }
    }
}
