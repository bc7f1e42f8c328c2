using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CramGrains.Model.Training;

namespace CramGrains.Model.Checkpoints;

/// <summary>The checkpoints of one run: folders that appear whole or not at all, of which the newest few are kept.</summary>
/// <remarks>
/// <c>step-000001200.epoch-3/</c> holds <c>weights.safetensors</c>, <c>optimizer.safetensors</c>, <c>recipe.json</c>, <c>manifest.json.sha256</c> and
/// <c>manifest.json</c>. It is written under another name, flushed file by file with the manifest last, and renamed: whatever moment the
/// machine dies at, a folder of that name is complete. A newer lease epoch sorts after every older one, so an attempt that lost its lease
/// cannot put its work in front of its successor's.
/// </remarks>
/// <param name="folder">Folder of the run's checkpoints; made when the first is written.</param>
/// <param name="keep">Newest checkpoints kept, 1 or more.</param>
/// <param name="leaseEpoch">Fencing number of the attempt that writes.</param>
public sealed partial class CheckpointStore(string folder, int keep, long leaseEpoch = 0)
{
    /// <summary>Name of the file with the weights.</summary>
    public const string WeightsFile = "weights.safetensors";

    /// <summary>Name of the readable part.</summary>
    public const string ManifestFile = "manifest.json";

    /// <summary>Name of the file with its checksum.</summary>
    public const string ManifestSumFile = "manifest.json.sha256";

    /// <summary>Name of the file with the optimizer state.</summary>
    public const string OptimizerFile = "optimizer.safetensors";

    private const string RecipeFile = "recipe.json";
    private const string Unfinished = ".unfinished-";

    /// <summary>Folder of the run's checkpoints.</summary>
    public string Folder => folder;

    /// <summary>Fencing number that this store writes with.</summary>
    public long LeaseEpoch => leaseEpoch;

    /// <summary>Folders of finished checkpoints, newest first; their content is not looked at.</summary>
    public IReadOnlyList<string> List() => !Directory.Exists(folder) ? [] :
    [
        .. Directory.EnumerateDirectories(folder)
            .Select(path => (Path: path, Match: Name().Match(Path.GetFileName(path))))
            .Where(entry => entry.Match.Success)
            .OrderByDescending(entry => Number(entry.Match, 2)).ThenByDescending(entry => Number(entry.Match, 1))
            .Select(entry => entry.Path),
    ];

    /// <summary>Writes a checkpoint, then deletes all but the newest few. When it returns, the checkpoint survives a power cut.</summary>
    /// <param name="state">What to keep.</param>
    /// <returns>Its folder, and the bytes of its files.</returns>
    /// <exception cref="CheckpointWriteException">The disk is full or refuses to be written.</exception>
    /// <exception cref="StaleLeaseException">A newer attempt has written here.</exception>
    public (string Path, long Bytes) Write(CheckpointState state)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"step-{state.Manifest.OptimizerSteps:D9}.epoch-{leaseEpoch}");
        string unfinished = UnfinishedName(), finished = Path.Combine(folder, name);
        try
        {
            CheckRoom(state);
            Directory.CreateDirectory(unfinished);
            long bytes = WriteFiles(unfinished, state);
            RequireLease();
            Hide(finished); // the same step again; its files go last of all, since removing them takes a while
            Directory.Move(unfinished, finished);
            DurableFiles.FlushFolder(folder);
            Prune();
            return (finished, bytes);
        }
        catch (Exception error) when (error is IOException and not CheckpointWriteException or UnauthorizedAccessException)
        {
            throw new CheckpointWriteException(folder, error);
        }
        finally
        {
            TryDelete(unfinished);
        }
    }

    /// <summary>Reads the newest checkpoint that is whole.</summary>
    /// <param name="refused">Newer ones that had to be passed over, newest first, each with what is wrong with it.</param>
    /// <returns>The checkpoint; null when there is none at all.</returns>
    /// <exception cref="CheckpointsUnreadableException">There are checkpoints, and all are damaged.</exception>
    public LoadedCheckpoint? TryLoadNewest(out IReadOnlyList<CheckpointRefused> refused)
    {
        var problems = new List<CheckpointRefused>();
        refused = problems;
        foreach (string path in List())
        {
            try
            {
                return Read(path);
            }
            catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                problems.Add(new(path, error.Message));
            }
        }

        return problems.Count == 0 ? null : throw new CheckpointsUnreadableException(folder, [.. problems.Select(problem => problem.Problem)]);
    }

    /// <summary>Reads one checkpoint and checks every file against its manifest.</summary>
    /// <exception cref="InvalidDataException">A file is missing, torn or altered; the message names it.</exception>
    public static LoadedCheckpoint Read(string path)
    {
        var manifest = ReadManifest(path);
        foreach (var file in manifest.Files)
        {
            var info = new FileInfo(Path.Combine(path, file.Name));
            if (!info.Exists)
            {
                throw new InvalidDataException($"{info.FullName} is missing.");
            }

            if (info.Length != file.Bytes)
            {
                throw new InvalidDataException($"{info.FullName} has {info.Length} bytes, expected {file.Bytes}: it is torn.");
            }

            if (DurableFiles.Sha256(info.FullName) != file.Sha256)
            {
                throw new InvalidDataException($"{info.FullName} does not have the checksum in {ManifestFile}: it was altered or damaged.");
            }
        }

        var weights = SafeTensors.Read(Path.Combine(path, WeightsFile));
        var optimizerState = SafeTensors.Read(Path.Combine(path, OptimizerFile));
        return new(path, new(manifest, File.ReadAllText(Path.Combine(path, RecipeFile)), weights, optimizerState));
    }

    /// <summary>Refuses a folder whose newest checkpoint belongs to another run, by its manifest alone: for callers that write beside the checkpoints before they train.</summary>
    /// <param name="recipeDigest">Digest of the run's recipe.</param>
    /// <param name="corpusDigest">Digest of its corpus.</param>
    /// <exception cref="CheckpointMismatchException">It was written with another recipe or corpus.</exception>
    public void RequireRun(string recipeDigest, string corpusDigest)
    {
        foreach (string path in List())
        {
            try
            {
                ReadManifest(path).RequireRun(path, recipeDigest, corpusDigest);
                return;
            }
            catch (InvalidDataException)
            {
                // Damaged: training passes it over too, and says so.
            }
        }
    }

    /// <summary>Refuses an attempt that may not write here, so that it need not train to find out.</summary>
    /// <exception cref="StaleLeaseException">A newer attempt has written here.</exception>
    public void RequireLease()
    {
        long newest = List().Select(path => Number(Name().Match(Path.GetFileName(path)), 2)).DefaultIfEmpty(0).Max();
        if (newest > leaseEpoch)
        {
            throw new StaleLeaseException(folder, leaseEpoch, newest);
        }
    }

    /// <summary>Reads the manifest of one checkpoint.</summary>
    /// <exception cref="InvalidDataException">It is missing, damaged or of an unknown version.</exception>
    public static CheckpointManifest ReadManifest(string path)
    {
        string file = Path.Combine(path, ManifestFile), sumFile = Path.Combine(path, ManifestSumFile);
        if (!File.Exists(file) || !File.Exists(sumFile))
        {
            throw new InvalidDataException($"{(File.Exists(file) ? sumFile : file)} is missing.");
        }

        if (!File.ReadAllText(sumFile).StartsWith(DurableFiles.Sha256(file), StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{file} does not have the checksum in {ManifestSumFile}: it was altered or damaged.");
        }

        CheckpointManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<CheckpointManifest>(File.ReadAllBytes(file), CheckpointManifest.Json)!;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{file} cannot be read: {error.Message}", error);
        }

        return manifest.Version == CheckpointManifest.CurrentVersion && manifest.RandomStreams == CheckpointManifest.CurrentRandomStreams ? manifest
            : throw new InvalidDataException(
                $"{file} has version {manifest.Version} with random streams {manifest.RandomStreams}; this program reads version {CheckpointManifest.CurrentVersion} with {CheckpointManifest.CurrentRandomStreams}. Use the program that wrote it.");
    }

    private static long WriteFiles(string path, CheckpointState state)
    {
        CheckpointFile[] files =
        [
            DurableFiles.Write(Path.Combine(path, WeightsFile), stream => SafeTensors.Write(stream, state.Weights, new Dictionary<string, string> { ["format"] = "pt" })),
            DurableFiles.Write(Path.Combine(path, OptimizerFile), stream => SafeTensors.Write(stream, state.OptimizerState)),
            DurableFiles.Write(Path.Combine(path, RecipeFile), stream => stream.Write(Encoding.UTF8.GetBytes(state.RecipeJson))),
        ];
        byte[] manifest = JsonSerializer.SerializeToUtf8Bytes(state.Manifest with { Files = files }, CheckpointManifest.Json);
        string sum = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(manifest));
        DurableFiles.Write(Path.Combine(path, ManifestSumFile), stream => stream.Write(Encoding.UTF8.GetBytes($"{sum}  {ManifestFile}\n"))); // as sha256sum -c reads it
        DurableFiles.Write(Path.Combine(path, ManifestFile), stream => stream.Write(manifest));
        DurableFiles.FlushFolder(path);
        return files.Sum(file => file.Bytes) + manifest.Length;
    }

    private void CheckRoom(CheckpointState state)
    {
        Directory.CreateDirectory(folder);
        long needed = state.Weights.Values.Concat(state.OptimizerState.Values).Sum(tensor => tensor.numel() * tensor.element_size());
        long free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (free < needed)
        {
            throw new CheckpointWriteException(folder, needed, free);
        }
    }

    private void Prune()
    {
        foreach (string old in List().Skip(keep))
        {
            Hide(old);
        }

        foreach (string leftover in Directory.EnumerateDirectories(folder, $"{Unfinished}*").Where(path => !IsOfLaterEpoch(Path.GetFileName(path))))
        {
            TryDelete(leftover);
        }
    }

    private string UnfinishedName() => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Unfinished}epoch-{leaseEpoch}-{Guid.NewGuid():N}"));

    /// <summary>A successor may be writing there, in a folder that machines share.</summary>
    private bool IsOfLaterEpoch(string leftover) => UnfinishedOfEpoch().Match(leftover) is { Success: true } match && Number(match, 1) > leaseEpoch;

    /// <summary>Takes a checkpoint's name away before its files, so that none is ever half there.</summary>
    private void Hide(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Move(path, UnfinishedName());
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Left for the next write to clean up: no checkpoint depends on it.
        }
    }

    private static long Number(Match match, int group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^step-(\d{9,18})\.epoch-(\d{1,18})$")]
    private static partial Regex Name();

    [GeneratedRegex(@"^\.unfinished-epoch-(\d{1,18})-")]
    private static partial Regex UnfinishedOfEpoch();
}
