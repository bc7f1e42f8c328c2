using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>A fine-tuned model on disk: <c>fine_tuned.json</c>, its weights and its vocabulary, written whole or not at all.</summary>
public static class FineTunedFolder
{
    /// <summary>The file that says what a folder holds.</summary>
    public const string DescriptionFile = "fine_tuned.json";

    private const int CurrentVersion = 1;
    private const string WeightsFile = "weights.safetensors", VocabularyFile = "vocab.txt";
    private const string BertPrefix = "bert.", HeadPrefix = "head.";

    private static readonly JsonSerializerOptions Json = new(RecipeJson.Options);

    /// <summary>Where the model of a task lies beside a run, if it was kept.</summary>
    public static string OfRun(string runFolder, GlueTaskName task) => Path.Combine(runFolder, "fine-tuned", GlueTask.Of(task).Id);

    /// <summary>Writes a model; one that is there already is replaced.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="model">The model.</param>
    /// <param name="result">Its seed and its scores.</param>
    /// <param name="pretrained">Identity of the weights that it started from (<see cref="PretrainedEncoder.Identity"/>).</param>
    /// <exception cref="GlueException">Its vocabulary is not WordPiece.</exception>
    public static void Write(string folder, FineTunedModel model, FineTuningResult result, string pretrained)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(result);
        if (model.TextEncoder is not WordPieceEncoder encoder)
        {
            throw new GlueException($"{folder}: not written. Only models with a WordPiece vocabulary can be kept; this one is byte-level.");
        }

        folder = Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar);
        string unfinished = $"{folder}.{Guid.NewGuid():N}.tmp";
        Directory.CreateDirectory(unfinished);
        try
        {
            var weights = DurableFiles.Write(Path.Combine(unfinished, WeightsFile), stream => SafeTensors.Write(stream, model.Weights()));
            var vocabulary = DurableFiles.Write(
                Path.Combine(unfinished, VocabularyFile), stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', encoder.Vocabulary) + "\n")));
            var description = new Description(
                CurrentVersion, model.Task.Name, result.Seed, model.Architecture, model.Recipe, encoder.Normalizer, model.Format.PairSeparators, [weights, vocabulary],
                [.. Kept(result)], pretrained);
            DurableFiles.Write(Path.Combine(unfinished, DescriptionFile), stream => JsonSerializer.Serialize(stream, description, Json));
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.Move(unfinished, folder);
            DurableFiles.FlushFolder(Path.GetDirectoryName(folder)!);
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
    }

    /// <summary>Whether a folder holds the model that gave a result: from its weights, of its seed, its settings and its scores.</summary>
    public static bool IsOf(string folder, FineTuningRecipe recipe, FineTuningResult result, string pretrained)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(result);
        try
        {
            var kept = ReadDescription(folder);
            return (kept.Task, kept.Seed) == (result.Task, result.Seed) && kept.Scores.SequenceEqual(Kept(result))
                && GlueResultFolder.Digest(kept.FineTuning) == GlueResultFolder.Digest(recipe) && IsFrom(kept, pretrained);
        }
        catch (GlueException)
        {
            return false; // none there, or torn
        }
    }

    /// <summary>Whether a folder's model started from these weights.</summary>
    /// <exception cref="GlueException">There is none, or its description is torn.</exception>
    public static bool IsFrom(string folder, string pretrained) => IsFrom(ReadDescription(folder), pretrained);

    /// <summary>Reads a model, ready to predict; the caller disposes it.</summary>
    /// <exception cref="GlueException">The folder is missing, altered, or of another version; the message names the file.</exception>
    public static FineTunedModel Read(string folder, Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var description = ReadDescription(folder);
        foreach (var file in description.Files)
        {
            string path = Path.Combine(folder, file.Name);
            if (!File.Exists(path) || new FileInfo(path).Length != file.Bytes || DurableFiles.Sha256(path) != file.Sha256)
            {
                throw new GlueException($"{path}: missing, cut or altered. Fine-tune again with --keep.");
            }
        }

        var encoder = new WordPieceEncoder(File.ReadAllLines(Path.Combine(folder, VocabularyFile)), description.Normalizer);
        var tensors = SafeTensors.Read(Path.Combine(folder, WeightsFile));
        try
        {
            return FineTuningModelFactory.Make(
                description.FineTuning, description.Architecture, Part(tensors, BertPrefix), encoder, GlueTask.Of(description.Task), description.Seed, device,
                description.PairSeparators, headWeights: Part(tensors, HeadPrefix));
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }
        }
    }

    /// <summary>One that was kept before the weights were written down is taken at its word.</summary>
    private static bool IsFrom(Description kept, string pretrained) => kept.Pretrained is null || kept.Pretrained == pretrained;

    private static IEnumerable<KeptScore> Kept(FineTuningResult result) =>
        result.Scores.Select(score => new KeptScore(score.Task, score.Metric.Id(), score.Value, score.Subset));

    private static Description ReadDescription(string folder)
    {
        string path = Path.Combine(folder, DescriptionFile);
        if (!File.Exists(path))
        {
            throw new GlueException($"{path}: missing, so this is no fine-tuned model. 'cram glue RUN --glue DIR --keep' makes one beside a run.");
        }

        try
        {
            var description = JsonSerializer.Deserialize<Description>(File.ReadAllText(path), Json)!;
            return description.Version == CurrentVersion
                ? description
                : throw new GlueException($"{path}: version {description.Version}, expected {CurrentVersion}. Fine-tune again with --keep.");
        }
        catch (JsonException problem)
        {
            throw new GlueException($"{path}: torn or altered: {problem.Message} Fine-tune again with --keep.", problem);
        }
    }

    private static Dictionary<string, Tensor> Part(IReadOnlyDictionary<string, Tensor> tensors, string prefix) => tensors
        .Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value);

    private sealed record Description(
        int Version, GlueTaskName Task, int Seed, ArchitectureRecipe Architecture, FineTuningRecipe FineTuning, TextNormalizerKind Normalizer, int PairSeparators,
        IReadOnlyList<CheckpointFile> Files, IReadOnlyList<KeptScore> Scores, string? Pretrained = null);

    private sealed record KeptScore(string Task, string Metric, double Value, bool Subset);
}
