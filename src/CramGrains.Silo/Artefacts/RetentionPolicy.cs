namespace CramGrains.Silo.Artefacts;

/// <summary>A checkpoint on this machine's disk.</summary>
/// <param name="Path">Its folder.</param>
/// <param name="Elsewhere">Whether another machine that is up has it and keeps it; one that is not up may never come back.</param>
internal sealed record HeldCheckpoint(string Path, bool Elsewhere);

/// <summary>A run as far as retention goes.</summary>
/// <param name="RunId">The run.</param>
/// <param name="EndedAt">When it ended; null while it has not, or when that is not known.</param>
/// <param name="TrainedHere">Whether its last attempt ran on this machine.</param>
/// <param name="CorpusDigest">Its corpus; null when not known yet.</param>
/// <param name="Checkpoints">Its checkpoints on this machine, newest first.</param>
/// <param name="AttemptFolders">Its attempts' folders on this machine.</param>
internal sealed record HeldRun(
    string RunId, DateTimeOffset? EndedAt, bool TrainedHere, string? CorpusDigest, IReadOnlyList<HeldCheckpoint> Checkpoints, IReadOnlyList<string> AttemptFolders);

/// <summary>A corpus on this machine's disk.</summary>
/// <param name="Digest">Its name.</param>
/// <param name="Path">Its folder.</param>
/// <param name="MadeAt">When it came here.</param>
internal sealed record HeldCorpus(string Digest, string Path, DateTimeOffset MadeAt);

/// <summary>Everything that a sweep depends on.</summary>
/// <param name="Runs">All runs of which this machine has a folder, and all that have not ended anywhere.</param>
/// <param name="Corpora">All corpora here.</param>
/// <param name="Leftovers">Folders of transfers and of brought GLUE files, each with its last change.</param>
internal sealed record RetentionSnapshot(
    IReadOnlyList<HeldRun> Runs, IReadOnlyList<HeldCorpus> Corpora, IReadOnlyList<(string Path, DateTimeOffset ChangedAt)> Leftovers);

/// <summary>What may go, as a pure function: when in doubt, nothing.</summary>
internal static class RetentionPolicy
{
    /// <returns>Folders to remove.</returns>
    public static IReadOnlyList<string> Plan(RetentionSnapshot snapshot, RetentionOptions options, DateTimeOffset now)
    {
        var gone = new List<string>();
        foreach (HeldRun run in snapshot.Runs.Where(run => run.EndedAt is not null))
        {
            TimeSpan age = now - run.EndedAt!.Value;
            if (!run.TrainedHere && age >= TimeSpan.FromHours(options.CopyHours))
            {
                gone.AddRange(run.Checkpoints.Where(checkpoint => checkpoint.Elsewhere).Select(checkpoint => checkpoint.Path));
            }

            if (options.EndedRunDays is { } days && age >= TimeSpan.FromDays(days))
            {
                gone.AddRange(run.Checkpoints.Skip(options.CheckpointsKept).Select(checkpoint => checkpoint.Path));
                gone.AddRange(run.AttemptFolders);
            }
        }

        // A run that has not named its corpus yet may be about to name any of them.
        bool anyMayBeWanted = snapshot.Runs.Any(run => run.EndedAt is null && run.CorpusDigest is null);
        if (options.UnusedCorpusDays is { } unused && !anyMayBeWanted)
        {
            gone.AddRange(snapshot.Corpora.Where(corpus => LastUse(corpus, snapshot.Runs) is { } last && now - last >= TimeSpan.FromDays(unused)).Select(corpus => corpus.Path));
        }

        gone.AddRange(snapshot.Leftovers.Where(leftover => now - leftover.ChangedAt >= TimeSpan.FromHours(options.IncomingHours)).Select(leftover => leftover.Path));
        return [.. gone.Distinct()];
    }

    /// <summary>Null while a run uses it.</summary>
    private static DateTimeOffset? LastUse(HeldCorpus corpus, IReadOnlyList<HeldRun> runs)
    {
        DateTimeOffset last = corpus.MadeAt;
        foreach (HeldRun run in runs.Where(run => run.CorpusDigest == corpus.Digest))
        {
            if (run.EndedAt is not { } ended)
            {
                return null;
            }

            last = ended > last ? ended : last;
        }

        return last;
    }
}
