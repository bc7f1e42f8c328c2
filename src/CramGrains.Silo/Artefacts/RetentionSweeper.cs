using CramGrains.Interfaces.Runs;
using CramGrains.Model.Checkpoints;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Artefacts;

/// <summary>Looks at this machine's disk now and then and removes what <see cref="RetentionPolicy"/> lets go. A sweep that cannot learn what runs removes nothing.</summary>
internal sealed partial class RetentionSweeper(
    IGrainFactory grains, IMachines machines, HomeFolder home, ArtefactFolders folders, IOptions<SiloOptions> silo, IOptions<RetentionOptions> options, SiloClock clock,
    ILogger<RetentionSweeper> logger) : BackgroundService
{
    /// <summary>One sweep.</summary>
    /// <returns>The folders that were removed.</returns>
    public async Task<IReadOnlyList<string>> SweepAsync()
    {
        IReadOnlyList<string> gone = RetentionPolicy.Plan(await SnapshotAsync(), options.Value, clock.UtcNow);
        foreach (string path in gone)
        {
            await LetGoAsync(path);
            // Its name goes first: what is half removed must not be taken for whole.
            string dying = Path.Combine(Path.GetDirectoryName(path)!, $".unfinished-{Guid.NewGuid():N}");
            Directory.Move(path, dying);
            Directory.Delete(dying, recursive: true);
            LogRemoved(logger, path);
        }

        return gone;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(options.Value.SweepMinutes));
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await SweepAsync();
                }
                catch (Exception problem) when (problem is OrleansException or TimeoutException or IOException or UnauthorizedAccessException)
                {
                    LogNotSwept(logger, problem);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the silo stops
        }
    }

    private async Task<RetentionSnapshot> SnapshotAsync()
    {
        IReadOnlyList<string> active = await grains.GetGrain<ISchedulerQueue>(SchedulerKey.Default).ActiveRunsAsync();
        string runs = Path.GetDirectoryName(home.Run("any"))!;
        IEnumerable<string> here = Directory.Exists(runs) ? Directory.EnumerateDirectories(runs).Select(path => Path.GetFileName(path)!) : [];
        var held = new List<HeldRun>();
        foreach (string runId in here.Union(active).Where(Runs.RunIds.IsValid).ToList())
        {
            RunView? view = await grains.GetGrain<IRunGrain>(runId).GetAsync();
            // In both lists a run may be for a moment; the one that says that it goes on is believed. A run that nobody knows is not ours to touch.
            DateTimeOffset? endedAt = active.Contains(runId) ? null : view?.EndedAt;
            held.Add(new HeldRun(
                runId, endedAt, view?.Device?.StartsWith(silo.Value.Machine + "/", StringComparison.Ordinal) ?? true, view?.CorpusDigest ?? (view is null ? "" : null),
                await CheckpointsAsync(runId, endedAt), Attempts(runId)));
        }

        return new RetentionSnapshot(held, Corpora(), [.. Leftovers(Path.GetDirectoryName(folders.Incoming("any"))!), .. Leftovers(Path.GetDirectoryName(folders.Glue("any"))!)]);
    }

    private async Task<IReadOnlyList<HeldCheckpoint>> CheckpointsAsync(string runId, DateTimeOffset? endedAt)
    {
        IReadOnlyList<string> paths = new CheckpointStore(folders.Checkpoints(runId), keep: 1).List();
        if (paths.Count == 0 || endedAt is null)
        {
            return [];
        }

        IReadOnlyDictionary<string, string> alive = machines.Alive;
        IReadOnlyList<PublishedArtefact> published = await grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints(runId)).ListAsync();
        // In a folder that all share every machine sees the one checkpoint: whoever published it, there is none besides.
        return [.. paths.Select(path => new HeldCheckpoint(path, !home.IsShared && published.Any(version => version.Name == Path.GetFileName(path) && IsKeptElsewhere(version.Machines))))];

        // Machines that sweep at one moment must not each rely on the other: the first in the list that is up keeps it.
        bool IsKeptElsewhere(IReadOnlyList<string> holders) => holders.FirstOrDefault(machine => machine == silo.Value.Machine || alive.ContainsKey(machine)) is { } keeper && keeper != silo.Value.Machine;
    }

    private string[] Attempts(string runId)
    {
        string folder = Path.GetDirectoryName(home.Attempt(runId, 0))!;
        return Directory.Exists(folder) ? Directory.GetDirectories(folder) : [];
    }

    private IReadOnlyList<HeldCorpus> Corpora() => !Directory.Exists(home.Corpora) ? [] :
    [
        .. from path in Directory.EnumerateDirectories(home.Corpora)
           let name = Path.GetFileName(path)
           where !name.StartsWith('.')
           let digest = name.EndsWith(ArtefactFolders.VocabularySuffix, StringComparison.Ordinal) ? name[..^ArtefactFolders.VocabularySuffix.Length] : name
           select new HeldCorpus(digest, path, new DateTimeOffset(Directory.GetLastWriteTimeUtc(path), TimeSpan.Zero)),
    ];

    private static IEnumerable<(string, DateTimeOffset)> Leftovers(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateDirectories(folder).Select(path => (path, new DateTimeOffset(
            Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Select(File.GetLastWriteTimeUtc).Append(Directory.GetLastWriteTimeUtc(path)).Max(), TimeSpan.Zero)))
        : [];

    /// <summary>Others stop being sent here before the files go.</summary>
    private async Task LetGoAsync(string path)
    {
        string name = Path.GetFileName(path), parent = Path.GetFileName(Path.GetDirectoryName(path))!;
        if (parent == "checkpoints")
        {
            string runId = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(path)))!;
            await LetGoAsync(grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints(runId)), name);
        }
        else if (parent == Path.GetFileName(home.Corpora))
        {
            await LetGoAsync(grains.GetGrain<IArtefactGrain>(ArtefactKeys.Corpus(name)), name);
        }
    }

    private async Task LetGoAsync(IArtefactGrain artefact, string name)
    {
        foreach (PublishedArtefact version in (await artefact.ListAsync()).Where(version => version.Name == name))
        {
            await artefact.LetGoAsync(version.Digest, silo.Value.Machine);
        }
    }

    [LoggerMessage(EventId = 1741, Level = LogLevel.Information, Message = "Removed {Path}, which nothing needs any more")]
    private static partial void LogRemoved(ILogger logger, string path);

    [LoggerMessage(EventId = 1742, Level = LogLevel.Warning, Message = "The disk could not be swept; next time")]
    private static partial void LogNotSwept(ILogger logger, Exception problem);
}
