using System.Text.Json;
using System.Text.Json.Serialization;

namespace CramGrains.Silo.Worker;

/// <summary>What a worker process does. Values are stored; they are never renumbered or reused.</summary>
internal enum WorkerJob
{
    /// <summary>Makes a corpus; holds no device.</summary>
    PrepareCorpus = 1,

    /// <summary>Pretrains under the budget.</summary>
    Pretrain = 2,

    /// <summary>Fine-tunes and evaluates one GLUE task with one seed.</summary>
    FineTune = 3,
}

/// <summary>All that a worker process is told, as a JSON file named on its command line. Everything else it finds by these paths.</summary>
/// <param name="Version">Version of this file, <see cref="CurrentVersion"/>.</param>
/// <param name="RunId">The run; for a corpus, the corpus digest.</param>
/// <param name="LeaseEpoch">Fencing number of the lease that this attempt runs under; it stands in everything the worker publishes.</param>
/// <param name="Job">What to do.</param>
/// <param name="RecipeJson">The canonical recipe.</param>
/// <param name="Device"><c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="DeviceLockFile">Held exclusively for the worker's whole life; null for a corpus, which locks its own folder.</param>
/// <param name="SocketPath">Unix domain socket on which the worker answers HTTP.</param>
/// <param name="WorkFolder">Folder of this attempt: status, log.</param>
/// <param name="LeaseSeconds">The worker checkpoints and exits when its lease has not been renewed for so long.</param>
/// <param name="CorporaFolder">Folder that holds all corpora of this home.</param>
/// <param name="CorpusDigest">The corpus to read or to make.</param>
/// <param name="RunFolder">Folder of the run, with its checkpoints; null for a corpus.</param>
/// <param name="BudgetUsedSeconds">What the budget clock had counted when the lease was given.</param>
/// <param name="GlueFolder">GLUE files, for fine-tuning.</param>
/// <param name="GlueTask">Task in kebab case, for fine-tuning.</param>
/// <param name="Seed">Seed of the fine-tuning.</param>
/// <param name="LeaseSince">The machine's monotonic timestamp from which <paramref name="LeaseSeconds"/> count: it is the same in all processes since the machine started. Null for when the worker reads it.</param>
/// <param name="CpuThreads">Threads of its computation on a CPU; null leaves them to libtorch, which takes every core.</param>
internal sealed record WorkerAssignment(
    int Version,
    string RunId,
    long LeaseEpoch,
    WorkerJob Job,
    string RecipeJson,
    string Device,
    string? DeviceLockFile,
    string SocketPath,
    string WorkFolder,
    double LeaseSeconds,
    string CorporaFolder,
    string CorpusDigest,
    string? RunFolder,
    double BudgetUsedSeconds,
    string? GlueFolder,
    string? GlueTask,
    int Seed,
    long? LeaseSince = null,
    int? CpuThreads = null)
{
    /// <summary>The version written by this build.</summary>
    public const int CurrentVersion = 1;
}

/// <summary>JSON of the files and messages between silo and worker.</summary>
internal static class WorkerJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };
}
