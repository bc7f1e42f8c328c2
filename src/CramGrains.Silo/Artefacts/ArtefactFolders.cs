using System.Security.Cryptography;
using System.Text.RegularExpressions;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;

namespace CramGrains.Silo.Artefacts;

/// <summary>Where artefacts lie on this machine, and what they consist of there.</summary>
internal sealed partial class ArtefactFolders(HomeFolder home, GlueOffers glue)
{
    /// <summary>Folder that downloads grow in, file by file; on the file system of everything else in the home.</summary>
    public string Incoming(string digest) => Path.Combine(home.Root, "incoming", digest);

    /// <summary>Folder of the corpus, or of its vocabulary alone: fine-tuning needs no more of it.</summary>
    public string Vocabulary(string corpusDigest) => home.Corpus(corpusDigest) + VocabularySuffix;

    /// <summary>What a corpus folder's name ends with when it holds the vocabulary alone.</summary>
    public const string VocabularySuffix = ".vocabulary";

    /// <summary>GLUE files that were brought here.</summary>
    public string Glue(string digest) => Path.Combine(home.Root, "glue", digest);

    /// <summary>Folder of a run's checkpoints.</summary>
    public string Checkpoints(string runId) => Path.Combine(home.Run(runId), "checkpoints");

    /// <summary>The folder of an artefact, whether it is there or not; null for a name that is none.</summary>
    public string? Find(ArtefactKind kind, string name) => kind switch
    {
        ArtefactKind.Corpus when CorpusName().IsMatch(name) => home.Corpus(name),
        ArtefactKind.Checkpoint when name.Split('/') is [var run, var step] && RunIds.IsValid(run) && StepName().IsMatch(step) => Path.Combine(Checkpoints(run), step),
        ArtefactKind.Glue => glue.Find(name)?.Folder,
        _ => null,
    };

    /// <summary>What the artefact consists of here; null when it is not here or not whole.</summary>
    public ArtefactManifest? Describe(ArtefactKind kind, string name)
    {
        if (Find(kind, name) is not { } folder || !Directory.Exists(folder))
        {
            return null;
        }

        try
        {
            return kind switch
            {
                ArtefactKind.Corpus => new ArtefactManifest(kind, name,
                    [.. CorpusManifest.Read(folder).Files.Select(file => new ArtefactFile(file.Name, file.Bytes, file.Sha256)), Of(folder, CorpusManifest.FileName)]),
                ArtefactKind.Checkpoint => new ArtefactManifest(kind, name,
                [
                    .. CheckpointStore.ReadManifest(folder).Files.Select(file => new ArtefactFile(file.Name, file.Bytes, file.Sha256)),
                    Of(folder, CheckpointStore.ManifestFile), Of(folder, CheckpointStore.ManifestSumFile),
                ]),
                _ => glue.Find(name)?.Manifest,
            };
        }
        catch (Exception problem) when (problem is IOException or InvalidDataException or CorpusException)
        {
            return null; // torn, or just being removed
        }
    }

    /// <summary>The newest checkpoint of a run on this machine, by name; null when there is none.</summary>
    public string? NewestCheckpoint(string runId) =>
        new CheckpointStore(Checkpoints(runId), keep: 1).List() is [var newest, ..] ? Path.GetFileName(newest) : null;

    /// <summary>Sorts checkpoints by age: the lease epoch first, then the step.</summary>
    public static (long Epoch, long Step) Age(string checkpoint) =>
        TryAge(checkpoint) ?? throw new ArgumentException($"'{checkpoint}' is no name of a checkpoint.", nameof(checkpoint));

    /// <summary>The age of a checkpoint; null for another name.</summary>
    public static (long Epoch, long Step)? TryAge(string name)
    {
        Match match = StepName().Match(name);
        return match.Success
            ? (long.Parse(match.Groups[2].ValueSpan, System.Globalization.CultureInfo.InvariantCulture), long.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture))
            : null;
    }

    internal static ArtefactFile Of(string folder, string name)
    {
        using var file = new FileStream(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return new ArtefactFile(name, file.Length, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9-]{0,127}$")]
    private static partial Regex CorpusName();

    [GeneratedRegex(@"^step-(\d{9,18})\.epoch-(\d{1,18})$")]
    private static partial Regex StepName();
}
