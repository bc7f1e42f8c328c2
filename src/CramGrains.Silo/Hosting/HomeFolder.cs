using System.Security.Cryptography;
using System.Text;
using CramGrains.Silo.Devices;

namespace CramGrains.Silo.Hosting;

/// <summary>Where everything lies in the home folder. Paths only; making them is up to their users.</summary>
/// <param name="root">The home folder.</param>
/// <param name="shared">Folder that every machine sees, for corpora and runs; null keeps them in the home folder.</param>
/// <param name="locks">Folder of the device locks; null keeps those of CPUs in the home folder and those of GPUs in one of the machine.</param>
internal sealed class HomeFolder(string root, string? shared = null, string? locks = null)
{
    // sockaddr_un.sun_path holds 108 bytes on Linux, 104 on macOS, the closing zero included.
    private const int LongestSocketPath = 100;

    public string Root { get; } = Path.GetFullPath(root);

    public string LockFile => Path.Combine(Root, "home.lock");

    /// <summary>Name of the settings of its silo.</summary>
    public const string SettingsName = "silo-settings.json";

    /// <summary>Written when the silo is ready, removed at a clean stop.</summary>
    public string SiloFile => Path.Combine(Root, "silo.json");

    /// <summary>What this home's machine is called.</summary>
    public string MachineFile => Path.Combine(Root, "machine");

    public string Database => Path.Combine(Root, "state", "cram.db");

    /// <summary>Which store a member of a cluster works with.</summary>
    public string StoreFile => Path.Combine(Root, "store.json");

    /// <summary>Whether every machine sees the same corpora and runs, so that nothing has to travel.</summary>
    public bool IsShared => shared is not null;

    public string Corpora => Path.Combine(shared ?? Root, "corpora");

    public string Corpus(string digest) => Path.Combine(Corpora, digest);

    /// <summary>Folders of runs, with their checkpoints.</summary>
    public string Runs => Path.Combine(shared ?? Root, "runs");

    public string Run(string runId) => Path.Combine(Runs, runId);

    public string RunLog(string runId) => Path.Combine(Run(runId), "run.log");

    public string RunRecipe(string runId) => Path.Combine(Run(runId), "recipe.json");

    /// <summary>Work folder of an attempt of a run; always of this machine, as its worker is.</summary>
    public string Attempt(string runId, long epoch) => Path.Combine(OwnRuns, runId, "attempts", Number(epoch));

    /// <summary>Folders of runs, with the attempts that were made on this machine.</summary>
    public string OwnRuns => Path.Combine(Root, "runs");

    /// <summary>Work folder of an attempt at a corpus; beside the corpora, since a corpus folder appears whole or not at all.</summary>
    public string CorpusAttempt(string digest, long epoch) => Path.Combine(Preparing, digest, Number(epoch));

    /// <summary>Folders of corpora, with the attempts that were made at them on this machine.</summary>
    public string Preparing => Path.Combine(Root, "preparing");

    /// <summary>Held by the worker on a device for its whole life. The device id's machine part is left out: the folder is this machine's.</summary>
    /// <remarks>A GPU is one thing whatever homes this machine has, and whatever number it has in them, so its lock is the machine's; CPUs of different homes are simulated ones.</remarks>
    public string DeviceLock(string deviceId)
    {
        string place = deviceId[(deviceId.IndexOf('/', StringComparison.Ordinal) + 1)..];
        bool gpu = place.StartsWith("gpu", StringComparison.Ordinal);
        return gpu ? GpuLock(locks, MachineGpus.OnMachine(place)) : Path.Combine(locks ?? Path.Combine(Root, "devices"), place + ".lock");
    }

    /// <summary>Folder of the locks of this machine's GPUs, unless the settings name another: one for all of its users and services, whatever <c>TMPDIR</c> each of them has.</summary>
    public static string MachineLocks => Path.Combine(OperatingSystem.IsWindows() ? Path.GetTempPath() : "/tmp", "cramgrains-devices");

    /// <summary>The lock of a GPU by its name on the machine, such as <c>gpu0</c>.</summary>
    /// <param name="folder">Folder of the settings; null where they name none.</param>
    /// <param name="gpu">The GPU.</param>
    public static string GpuLock(string? folder, string gpu) => Path.Combine(folder ?? MachineLocks, gpu + ".lock");

    /// <summary>Socket of the worker with this work folder, short enough for the operating system whatever the home folder's name.</summary>
    public string WorkerSocket(string workFolder)
    {
        string name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(workFolder)))[..16] + ".sock";
        string inHome = Path.Combine(Root, "sockets", name);
        if (Encoding.UTF8.GetByteCount(inHome) <= LongestSocketPath)
        {
            return inHome;
        }

        string home = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..12];
        string inTemporary = Path.Combine(Path.GetTempPath(), "cram-" + home, name);
        // TMPDIR may itself be too long; /tmp is there on every system that has these sockets.
        return Encoding.UTF8.GetByteCount(inTemporary) <= LongestSocketPath ? inTemporary : Path.Combine("/tmp", "cram-" + home, name);
    }

    private static string Number(long epoch) => epoch.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
