using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Commands;

/// <summary>A study's folder on disk: one folder a piece of work, whose result appears whole or not at all and is used only for what it was made for.</summary>
/// <remarks>
/// <c>about.json</c> is written when a piece begins and says what it is for: digests, never paths, so that a folder may be carried to another machine. <c>result.json</c>
/// repeats that beside what came of it. Anything that does not match is refused by name; nothing is overwritten in silence. Several processes may work on a study, a device each: a piece belongs to
/// the one that holds its lock, which goes with the process, however that ends.
/// </remarks>
internal sealed class StudyFolder(string root)
{
    private const string AboutFile = "about.json", ResultFile = "result.json", LockFolder = "locks";
    private const int Version = 1;
    private const int LongestName = 255; // bytes, of every common file system; a setting of many overrides is longer

    /// <summary>The study's folder.</summary>
    public string Root => root;

    /// <summary>Keeps a device of this machine for one process of the study: two would share its time, which is what is compared.</summary>
    /// <exception cref="CheckpointMismatchException">Another process works on the study with that device.</exception>
    public IDisposable TakeDevice(string device)
    {
        // Numbers of GPUs count those that a process may see.
        string visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is { Length: > 0 } some && device != "cpu" ? $" of {some}" : "", name = $"{device}{visible} at {Environment.MachineName}";
        return TryLock(name) ?? throw new CheckpointMismatchException(
            $"{root}: another process works on this study with {name}. Wait for it, or name another --device: processes with a device each share the work.");
    }

    /// <summary>The right to work on a piece, or to take its result, until it is disposed; null when another process has it.</summary>
    /// <param name="piece">Its name.</param>
    /// <param name="patience">How long to wait for it.</param>
    public IDisposable? Claim(string piece, TimeSpan patience = default)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            var claim = TryLock(piece);
            if (claim is not null || Stopwatch.GetElapsedTime(started) >= patience)
            {
                return claim;
            }

            Thread.Sleep(50); // the operating system tells nobody that a lock is free
        }
    }

    /// <summary>The folder of a piece.</summary>
    public string Of(string piece) => Path.Combine([root, .. piece.Split('/').Select(part => Fit(part, LongestName))]);

    /// <summary>What a finished piece gave; null when it is not finished.</summary>
    /// <param name="piece">Its name, with '/' between folders.</param>
    /// <param name="about">What it must have been made for.</param>
    /// <param name="settings">Its settings, to say what differs.</param>
    /// <exception cref="CheckpointMismatchException">It was made for something else.</exception>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    public T? Find<T>(string piece, IReadOnlyDictionary<string, string> about, StudySettingsFile? settings = null)
        where T : class
    {
        string path = Path.Combine(Of(piece), ResultFile);
        if (!File.Exists(path))
        {
            RequireBegun(piece, about, settings);
            return null;
        }

        var found = Read<Finished<T>>(path);
        RequireSame(piece, found.About, about, settings);
        return found.Result;
    }

    /// <summary>Notes what a piece is for, before the first of it is done.</summary>
    /// <param name="piece">Its name.</param>
    /// <param name="about">What it is made for.</param>
    /// <param name="settings">Its settings, where nothing else writes them there.</param>
    public void Begin(string piece, IReadOnlyDictionary<string, string> about, StudySettingsFile? settings = null)
    {
        if (!File.Exists(Path.Combine(Of(piece), AboutFile)))
        {
            if (settings is not null)
            {
                AtomicFile.WriteText(Path.Combine(Of(piece), settings.Name), settings.Json + "\n");
            }

            AtomicFile.WriteText(Path.Combine(Of(piece), AboutFile), JsonSerializer.Serialize(new Begun(Version, about), StudyJson.Options) + "\n");
        }
    }

    /// <summary>Keeps what a piece gave.</summary>
    public void Finish<T>(string piece, IReadOnlyDictionary<string, string> about, T result) =>
        AtomicFile.WriteText(Path.Combine(Of(piece), ResultFile), JsonSerializer.Serialize(new Finished<T>(Version, about, result), StudyJson.Options) + "\n");

    private FileStream? TryLock(string name)
    {
        const string Ending = ".lock";
        string file = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '=' ? c : '+'));
        string path = Path.Combine(root, LockFolder, Fit(file, LongestName - Ending.Length) + Ending);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return FileLock.TryTake(path);
    }

    /// <summary>A name that a file system takes: of one too long the beginning, and a digest that tells it from its like. All its characters are ASCII.</summary>
    private static string Fit(string name, int longest)
    {
        const int Digits = 16;
        return name.Length <= longest ? name
            : $"{name[..(longest - Digits - 1)]}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..Digits]}";
    }

    private void RequireBegun(string piece, IReadOnlyDictionary<string, string> about, StudySettingsFile? settings)
    {
        string path = Path.Combine(Of(piece), AboutFile);
        if (File.Exists(path))
        {
            RequireSame(piece, Read<Begun>(path).About, about, settings);
        }
    }

    private void RequireSame(string piece, IReadOnlyDictionary<string, string> there, IReadOnlyDictionary<string, string> here, StudySettingsFile? settings)
    {
        string[] different = [.. here.Keys.Union(there.Keys).Where(key => there.GetValueOrDefault(key) != here.GetValueOrDefault(key))];
        if (different.Length == 0)
        {
            return;
        }

        string what = string.Join(", ", different.Select(key => $"{key} {Short(there.GetValueOrDefault(key))} instead of {Short(here.GetValueOrDefault(key))}"));
        string? stored = settings is null ? null : Path.Combine(Of(piece), settings.Name);
        string[] changed = File.Exists(stored) ? [.. RecipeDifferences.Of(File.ReadAllText(stored), settings!.Json)] : [];
        string which = changed.Length == 0 ? "" : $" ({string.Join("; ", changed.Take(5))}{(changed.Length > 5 ? $"; and {changed.Length - 5} more" : "")})";
        throw new CheckpointMismatchException(
            $"{Of(piece)}: was made with {what}{which}. Delete that folder to do it again, take the study back to what it was, or give another --out.");
    }

    private static T Read<T>(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(path), StudyJson.Options) ?? throw new JsonException("It holds null.");
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{path}: cannot be read: {problem.Message} It was altered, or written by another version. Delete its folder to do it again.", problem);
        }
    }

    private static string Short(string? value) => value is null ? "none" : value.Length > 16 ? value[..12] : value;

    private sealed record Begun(int Version, IReadOnlyDictionary<string, string> About);

    private sealed record Finished<T>(int Version, IReadOnlyDictionary<string, string> About, T Result);
}

/// <summary>What a piece is made with, as JSON beside its result.</summary>
/// <param name="Name">Name of the file.</param>
/// <param name="Json">Its text now.</param>
internal sealed record StudySettingsFile(string Name, string Json)
{
    /// <summary>Of a pretraining, which writes the file itself.</summary>
    public static StudySettingsFile Of(Recipe recipe) => new("recipe.json", RecipeJson.ToCanonicalJson(recipe));

    /// <summary>Of a fine-tuning, without what a piece of its own has besides: task and seed.</summary>
    public static StudySettingsFile Of(FineTuningRecipe settings) => new("settings.json", JsonSerializer.Serialize(settings with { Tasks = [], Seeds = 1 }, RecipeJson.Options));
}
