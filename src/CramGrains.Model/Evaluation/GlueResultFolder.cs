using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Evaluation;

/// <summary>Results of fine-tunings on disk, one small file for each task and seed: what is there need not be run again, and goes into model cards.</summary>
public static class GlueResultFolder
{
    private const int CurrentVersion = 1;

    private static readonly JsonSerializerOptions Json = new(RecipeJson.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip }; // later versions may say more

    /// <summary>Where the results of a run lie, beside its checkpoints.</summary>
    public static string OfRun(string runFolder) => Path.Combine(runFolder, "glue");

    /// <summary>Writes one result; an older one of the same task and seed is replaced.</summary>
    /// <param name="folder">Made where it is missing.</param>
    /// <param name="identity">Identity of the weights (<see cref="PretrainedEncoder.Identity"/>).</param>
    /// <param name="recipe">The settings.</param>
    /// <param name="data">What it was trained and scored on.</param>
    /// <param name="result">The result.</param>
    public static void Write(string folder, string identity, FineTuningRecipe recipe, GlueData data, FineTuningResult result)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(result);
        Directory.CreateDirectory(folder);
        string path = PathOf(folder, result.Task, result.Seed), unfinished = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            DurableFiles.Write(unfinished, stream => JsonSerializer.Serialize(stream, new ResultFile(CurrentVersion, identity, Digest(recipe), result, data.Digest()), Json));
            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    /// <summary>The result of a task and seed, if it is there, from these weights, these settings and these data.</summary>
    /// <remarks>One that was written before its data were noted is taken for as many examples.</remarks>
    public static FineTuningResult? Find(string folder, string identity, FineTuningRecipe recipe, GlueData data, int seed)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(data);
        return Read(PathOf(folder, data.Task.Name, seed)) is { } file && file.Identity == identity && file.Settings == Digest(recipe)
            && file.Result.TrainExamples == Math.Min(data.Train.Examples.Count, recipe.MaximumTrainExamples ?? int.MaxValue)
            && file.Result.EvaluationExamples == data.Evaluations.Sum(split => split.Examples.Count)
            && (file.Data is null || file.Data == data.Digest())
            ? file.Result
            : null;
    }

    /// <summary>The results of a folder that come from these weights, by task and seed; where settings differ, those of the setting with most results.</summary>
    /// <remarks>Damaged files and those of other weights are passed over.</remarks>
    public static IReadOnlyList<FineTuningResult> ReadAll(string folder, string identity)
    {
        var files = Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.json").Select(Read).OfType<ResultFile>().Where(file => file.Identity == identity).ToList() : [];
        return files.GroupBy(file => file.Settings).OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).FirstOrDefault() is { } most
            ? [.. most.Select(file => file.Result).OrderBy(result => result.Task).ThenBy(result => result.Seed)]
            : [];
    }

    /// <summary>Whether a folder holds results of other weights, which results of these would replace.</summary>
    public static bool HoldsOthers(string folder, string identity) =>
        Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.json").Select(Read).OfType<ResultFile>().Any(file => file.Identity != identity);

    /// <summary>Names the settings, tasks and number of seeds apart.</summary>
    internal static string Digest(FineTuningRecipe recipe) => Convert.ToHexStringLower(SHA256.HashData(
        JsonSerializer.SerializeToUtf8Bytes(recipe with { Tasks = [], Seeds = 1, KeepModels = null }, RecipeJson.Options)));

    private static string PathOf(string folder, GlueTaskName task, int seed) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{GlueTask.Of(task).Id}-{seed}.json"));

    private static ResultFile? Read(string path)
    {
        try
        {
            return File.Exists(path) && JsonSerializer.Deserialize<ResultFile>(File.ReadAllText(path), Json) is { Version: CurrentVersion } file ? file : null;
        }
        catch (JsonException)
        {
            return null; // torn or altered: run again
        }
    }

    private sealed record ResultFile(int Version, string Identity, string Settings, FineTuningResult Result, string? Data = null);
}
