using System.Text.Json;
using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace CramGrains.Model.Checkpoints;

/// <summary>The readable part of a checkpoint, <c>manifest.json</c>: where the run stood, and what the other files must be.</summary>
/// <remarks>Version 1 stays readable for ever: fields are added as nullable ones, never renamed or reused.</remarks>
/// <param name="Version">Version of this format, <see cref="CurrentVersion"/>.</param>
/// <param name="OptimizerSteps">Optimizer steps done.</param>
/// <param name="MicrobatchSteps">Microbatch steps done.</param>
/// <param name="TokensSeen">Training tokens read.</param>
/// <param name="ExaflopUsed">Model operations done, in 1e18, by the paper's count.</param>
/// <param name="BudgetUsedSeconds">Training seconds charged.</param>
/// <param name="DataPosition">Microbatches taken from the data; the order and the masks follow from it and the seed.</param>
/// <param name="RandomStreams">How random numbers are made, <see cref="CurrentRandomStreams"/>: each is a function of the seed, its stream and a counter, so no generator has a state to store.</param>
/// <param name="Seed">Root of every random stream.</param>
/// <param name="RecipeDigest">SHA-256 of the canonical recipe, which stands beside the manifest as <c>recipe.json</c>.</param>
/// <param name="CorpusDigest">Name of the corpus; empty where the caller has none.</param>
/// <param name="LeaseEpoch">Fencing number of the attempt that wrote it.</param>
/// <param name="Engine">Engine that wrote it; any engine can go on.</param>
/// <param name="HeldOutLossInitial">Held-out loss before the first step, nats; null where the run was stopped before it was measured.</param>
/// <param name="Files">The other files.</param>
/// <param name="Device">Product name of the device that wrote it; null where it was the CPU or is not known.</param>
/// <param name="HeldOutIsDue">True where the run was stopped in the middle of measuring its held-out loss, which is done first when it goes on; else null.</param>
public sealed record CheckpointManifest(
    int Version,
    long OptimizerSteps,
    long MicrobatchSteps,
    long TokensSeen,
    double ExaflopUsed,
    double BudgetUsedSeconds,
    long DataPosition,
    string RandomStreams,
    int Seed,
    string RecipeDigest,
    string CorpusDigest,
    long LeaseEpoch,
    string Engine,
    double? HeldOutLossInitial,
    IReadOnlyList<CheckpointFile> Files,
    string? Device = null,
    bool? HeldOutIsDue = null)
{
    /// <summary>The version written by this build.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The random streams of this build.</summary>
    public const string CurrentRandomStreams = "counter-1";

    /// <summary>JSON of manifests.</summary>
    internal static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectRequiredConstructorParameters = false, // an older manifest lacks newer fields
    };

    /// <summary>Refuses the checkpoint to a run of another recipe or corpus.</summary>
    /// <exception cref="CheckpointMismatchException">It was written with another.</exception>
    internal void RequireRun(string path, string recipeDigest, string corpusDigest)
    {
        foreach (var (what, found, expected) in (ReadOnlySpan<(string, string, string)>)[("recipe", RecipeDigest, recipeDigest), ("corpus", CorpusDigest, corpusDigest)])
        {
            if (found != expected)
            {
                throw new CheckpointMismatchException($"Checkpoint {path} was written with {what} {found}, this run has {expected}. Use another folder, or submit a new run.");
            }
        }
    }
}

/// <summary>One file of a checkpoint.</summary>
/// <param name="Name">File name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of its content.</param>
public sealed record CheckpointFile(string Name, long Bytes, string Sha256);

/// <summary>All of a checkpoint: what a run needs to go on exactly where it stood.</summary>
/// <param name="Manifest">Where the run stood; its list of files is filled in when it is written.</param>
/// <param name="RecipeJson">The canonical recipe.</param>
/// <param name="Weights">Master weights by state-dict name.</param>
/// <param name="OptimizerState">Optimizer state by name.</param>
public sealed record CheckpointState(
    CheckpointManifest Manifest, string RecipeJson, IReadOnlyDictionary<string, Tensor> Weights, IReadOnlyDictionary<string, Tensor> OptimizerState);

/// <summary>A checkpoint that was read: its place and its content, whose tensors are on the CPU and are disposed with it.</summary>
/// <param name="Path">Its folder.</param>
/// <param name="State">Its content.</param>
public sealed record LoadedCheckpoint(string Path, CheckpointState State) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in State.Weights.Values.Concat(State.OptimizerState.Values))
        {
            tensor.Dispose();
        }
    }
}
