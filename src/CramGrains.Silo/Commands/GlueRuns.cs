using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using CramGrains.Silo.Worker.Jobs;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>The fine-tunings behind a table: for each task, each model and seed, as far as their results are not there already.</summary>
internal sealed class GlueRuns
{
    public const string Majority = "majority", Untrained = "untrained";

    private readonly FineTuningRecipe _recipe;
    private readonly string _glueFolder;
    private readonly torch.Device _device;
    private readonly string? _resultsFolder;
    private readonly bool _keep;
    private readonly bool _foundOnly;
    private readonly Action<string> _say;
    private readonly CancellationToken _stop;
    private readonly Dictionary<string, string> _taken = []; // folders of results with the identity of whose they are

    /// <param name="recipe">The one setting.</param>
    /// <param name="glueFolder">The GLUE files.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="resultsFolder">Keeps results, one folder a model; null keeps those of runs alone, beside them.</param>
    /// <param name="keep">Keeps the first seed's fine-tuned models.</param>
    /// <param name="foundOnly">Runs nothing: only results that are there.</param>
    /// <param name="say">Told of each fine-tuning in one line.</param>
    /// <param name="stop">Ends between steps.</param>
    /// <exception cref="ArgumentException">There are no tasks.</exception>
    /// <exception cref="GlueException">None of the tasks has its files there.</exception>
    public GlueRuns(FineTuningRecipe recipe, string glueFolder, torch.Device device, string? resultsFolder, bool keep, bool foundOnly, Action<string> say, CancellationToken stop)
    {
        (_recipe, _glueFolder, _device, _resultsFolder, _keep, _foundOnly, _say, _stop) = (recipe, glueFolder, device, resultsFolder, keep, foundOnly, say, stop);
        if (recipe.Tasks.Count == 0)
        {
            throw new ArgumentException("No task is named. Give some, such as --tasks cola,mrpc; the run's recipe may have none in fine_tuning.tasks.");
        }

        var available = GlueReader.Available(glueFolder);
        Tasks = [.. recipe.Tasks.Where(available.Contains)];
        string[] missing = [.. recipe.Tasks.Except(available).Select(task => GlueTask.Of(task).Id)];
        if (Tasks.Count == 0)
        {
            throw new GlueException($"{glueFolder}: has the files of none of the tasks {string.Join(", ", missing)}. It needs, for example, CoLA/train.tsv and CoLA/dev.tsv.");
        }

        if (missing.Length > 0)
        {
            say($"Not run, because {glueFolder} lacks their files: {string.Join(", ", missing)}.");
        }
    }

    /// <summary>The tasks that are run.</summary>
    public IReadOnlyList<GlueTaskName> Tasks { get; }

    /// <summary>Runs everything and gathers one column a model, then one a baseline.</summary>
    /// <exception cref="ArgumentException">Fine-tuned models are to be kept and there is no place for one.</exception>
    public IReadOnlyList<GlueResults> Evaluate(IReadOnlyList<PretrainedModel> models, IReadOnlyList<string> baselines)
    {
        if (_keep && _resultsFolder is null && models.FirstOrDefault(model => model.RunFolder is null) is { } homeless)
        {
            throw new ArgumentException($"--keep: {homeless.Folder} is no run beside which a fine-tuned model could be kept. Give --results DIR too, or leave --keep out.");
        }

        var columns = models.Select(model => Column(model, alone: models.Count(other => other.Encoder.Name == model.Encoder.Name) == 1)).ToList();
        if (baselines.Contains(Untrained))
        {
            columns.Add(UntrainedColumn(models[0]));
        }

        // All tasks and models with one seed, then with the next: whenever it is stopped, what is done is a table.
        var data = Tasks.Select(task => GlueReader.Read(_glueFolder, task)).ToList();
        for (int seed = 0; seed < _recipe.Seeds; seed++)
        {
            foreach (var task in data)
            {
                columns.ForEach(column => RunOne(column, task, column.FirstSeed + seed));
            }
        }

        var majority = data.SelectMany(Model.Evaluation.Baselines.MajorityClass).Select(score => new SeededScore(score, null)).ToList();
        return
        [
            .. columns.Select(column => new GlueResults(column.Encoder.Name, column.Scores)),
            .. baselines.Contains(Majority) ? [new GlueResults(Majority, majority)] : (GlueResults[])[],
        ];
    }

    private void RunOne(GlueColumn column, GlueData data, int seed)
    {
        string what = $"{column.Encoder.Name}, {data.Task.Id} seed {seed}";
        string? kept = _keep && seed == column.FirstSeed && column.KeepIn is { } folder ? Path.Combine(folder, data.Task.Id) : null;
        if (column.ResultsIn is { } results && GlueResultFolder.Find(results, column.Encoder.Identity, _recipe, data, seed) is { } found
            && (kept is null || FineTunedFolder.IsOf(kept, _recipe, found, column.Encoder.Identity)))
        {
            column.Add(found);
            _say($"{what}: {Show(found)} (found)");
            return;
        }

        if (_foundOnly)
        {
            _say($"{what}: no result there");
            return;
        }

        var progress = new DirectProgress<TrainingEvent>(happened =>
        {
            if (happened is TrainingNote note)
            {
                _say(note.Text);
            }
        });
        GlueProtocol.Run(_recipe, column.Encoder, data, [seed], _device, progress, (result, tuned) =>
        {
            if (kept is not null)
            {
                FineTunedFolder.Write(kept, tuned, result, column.Encoder.Identity);
            }

            if (column.ResultsIn is not null)
            {
                GlueResultFolder.Write(column.ResultsIn, column.Encoder.Identity, _recipe, data, result);
            }

            column.Add(result);
            _say($"{what}: {Show(result)}, {Text(result.Steps)} steps in {result.TrainingSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s, {Text(result.ExamplesPerSecond)} examples/s");
        }, _stop);
    }

    private GlueColumn Column(PretrainedModel model, bool alone)
    {
        string? own = _resultsFolder is null ? null : OwnFolder(model.Encoder);
        return new(
            alone ? model.Encoder : model.Encoder with { Name = $"{model.Encoder.Name} ({Path.GetFileName(model.Folder.TrimEnd(Path.DirectorySeparatorChar))})" }, model.Recipe?.Seed ?? 0, own ?? (model.RunFolder is { } run ? GlueResultFolder.OfRun(run) : null),
            own is not null ? Path.Combine(own, "fine-tuned") : model.RunFolder is { } folder ? Path.Combine(folder, "fine-tuned") : null);
    }

    private GlueColumn UntrainedColumn(PretrainedModel model)
    {
        var untrained = model.Encoder with { Name = Untrained, Weights = null, Identity = $"{Untrained} {model.Encoder.Architecture} {Digest(string.Join('\n', model.Vocabulary))}" };
        string? own = _resultsFolder is not null ? OwnFolder(untrained) : model.RunFolder is { } run ? Path.Combine(run, "glue-untrained") : null;
        return new(untrained, model.Recipe?.Seed ?? 0, own, null);
    }

    /// <summary>A model's folder in the one of all results: by its name, and by its weights too where that holds another's, as of a run with the same recipe.</summary>
    private string OwnFolder(PretrainedEncoder encoder)
    {
        string byName = Path.Combine(_resultsFolder!, FolderName(encoder.Name));
        return !GlueResultFolder.HoldsOthers(byName, encoder.Identity) && (_taken.TryAdd(byName, encoder.Identity) || _taken[byName] == encoder.Identity)
            ? byName
            : $"{byName}-{Digest(encoder.Identity)[..12]}";
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>A name as that of one folder; dots alone would be another place.</summary>
    private static string FolderName(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' || (c == '.' && name.Any(other => other != '.')) ? c : '-'));

    private static string Show(FineTuningResult result) => string.Join(", ", result.Scores.Select(score =>
        $"{score.Task} {score.Metric.Id()} {(100 * score.Value).ToString("0.0", CultureInfo.InvariantCulture)}"));

    private static string Text(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    /// <summary>One model of the table.</summary>
    private sealed record GlueColumn(PretrainedEncoder Encoder, int FirstSeed, string? ResultsIn, string? KeepIn)
    {
        public List<SeededScore> Scores { get; } = [];

        public void Add(FineTuningResult result) => Scores.AddRange(result.Scores.Select(score => new SeededScore(score, result.Seed)));
    }
}
