using System.Globalization;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;
using CramGrains.Model.Training;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>The pretrainings of a study, one after the other, as far as their results are not there already.</summary>
/// <param name="study">What is run.</param>
/// <param name="folder">Where results lie.</param>
/// <param name="corpora">Their rows.</param>
/// <param name="device">The one device.</param>
/// <param name="cache">Folder of compiled kernels.</param>
/// <param name="keepAll">Keeps the weights of every cell instead of those alone that GLUE needs.</param>
/// <param name="say">Told of each in one line.</param>
/// <param name="changed">Told when a result is there that was not.</param>
internal sealed class StudyRuns(
    Study study, StudyFolder folder, StudyCorpora corpora, torch.Device device, string cache, bool keepAll, Action<string> say, Action changed)
{
    // What a result depends on besides recipe and corpus; counted up when the way of measuring changes.
    private const string Protocol = "study-1";
    private const string CurveFile = "curve.jsonl", DevicesFile = "devices.txt";

    private readonly Dictionary<StudyCell, StudyCellResult> _results = [];

    private static JsonSerializerOptions OneLine { get; } = new(StudyJson.Options) { WriteIndented = false };

    /// <summary>What is done, in the study's order.</summary>
    public IReadOnlyList<StudyCellResult> Results => [.. study.Cells.Where(_results.ContainsKey).Select(cell => _results[cell])];

    /// <summary>What a finished cell gave; null for any other.</summary>
    public StudyCellResult? Result(StudyCell cell) => _results.GetValueOrDefault(cell);

    /// <summary>The recipe of a cell as it is stored; null while the grid of its variant has not chosen.</summary>
    /// <exception cref="NotSupportedException">Every value of the grid diverged.</exception>
    public Recipe? RecipeOf(StudyCell cell)
    {
        double? value = null;
        if (cell.Part != StudyPart.Grid && StudyChoices.Grid(study.Definition, cell.Variant, _results.Values) is { } grid)
        {
            bool complete = grid.Points.All(point => study.Cells.Any(other => other.GridValue == point.Value && other.Variant == cell.Variant && _results.ContainsKey(other)));
            if (!complete)
            {
                return null;
            }

            value = grid.Best ?? throw new NotSupportedException($"{cell.Variant}: training diverged at every value of its grid over {grid.Key}. Give it other values.");
        }

        return study.RecipeOf(cell, value);
    }

    /// <summary>Takes up what is there, and refuses by name what was made for something else.</summary>
    public void Find()
    {
        foreach (var cell in study.Cells)
        {
            if (RecipeOf(cell) is { } recipe && Directory.Exists(folder.Of(cell.Folder)) && folder.Find<StudyCellResult>(cell.Folder, About(recipe), Study.Anonymous(recipe)) is { } found)
            {
                _results[cell] = found;
                Settle(cell);
            }
        }
    }

    /// <summary>Runs the selected cells that are not done, and the grids that they rest on.</summary>
    /// <returns>Whether all of them are done.</returns>
    public bool Run(Func<StudyCell, bool> selected, StudyStop stop)
    {
        var variants = study.Cells.Where(cell => cell.Part != StudyPart.Grid && selected(cell)).Select(cell => cell.Variant).ToHashSet();
        foreach (var cell in study.Cells.Where(cell => selected(cell) || (cell.Part == StudyPart.Grid && variants.Contains(cell.Variant))))
        {
            if (_results.ContainsKey(cell))
            {
                continue;
            }

            if (stop.IsAsked || !RunOne(cell, stop.Token))
            {
                return false;
            }
        }

        return true;
    }

    private bool RunOne(StudyCell cell, CancellationToken stop)
    {
        var full = RecipeOf(cell)!;
        var (corpus, recipe, about, path) = (corpora.Of(full), Study.Anonymous(full), About(full), folder.Of(cell.Folder));
        folder.Begin(cell.Folder, about);
        WriteCorpus(path, corpus);
        NoteDevice(path);
        say(cell.Name);
        var curve = ReadCurve(path);
        using (var lines = new StreamWriter(Path.Combine(path, CurveFile), append: true) { AutoFlush = true })
        {
            void Heard(TrainingEvent happened, BudgetMeter budget)
            {
                if (happened is Resumed resumed)
                {
                    curve.RemoveAll(point => point.Updates > resumed.OptimizerSteps); // measured after the checkpoint, and to be measured again
                }
                else if (happened is HeldOutMeasured measured)
                {
                    var point = new CurvePoint(budget.UsedSeconds, budget.UsedTokens, measured.OptimizerSteps, measured.LossNats);
                    lines.WriteLine(JsonSerializer.Serialize(point, OneLine));
                    curve.RemoveAll(other => other.Updates == point.Updates);
                    curve.Add(point);
                }
            }

            var pretraining = new LocalPretraining(recipe, corpus.Training, corpus.HeldOut, corpus.VocabularySize, corpus.Digest, path, device, cache)
            {
                KeepsWeights = IsKept(cell),
            };
            try
            {
                var result = pretraining.Run(Heard, stop);
                if (result.Outcome == PretrainingOutcome.Stopped)
                {
                    say(string.Create(CultureInfo.InvariantCulture, $"{cell.Name}: stopped with a checkpoint at {result.BudgetUsedSeconds:0.0} s, step {result.OptimizerSteps}"));
                    return false;
                }

                Finish(cell, about, new(
                    cell, result.HeldOutLossInitial, result.HeldOutLoss, null, result.OptimizerSteps, result.TokensSeen, result.BudgetUsedSeconds, result.ExaflopUsed, result.Parameters,
                    pretraining.EngineName, Devices(path), corpus.Digest,
                    IsKept(cell) ? PretrainedModel.IdentityOf(CheckpointStore.ReadManifest(result.Checkpoint)) : null, curve));
            }
            catch (NonFiniteLossException diverged)
            {
                // An outcome, not an accident: a grid may try what diverges, and the table says so.
                var last = curve.LastOrDefault();
                Finish(cell, about, new(
                    cell, curve.FirstOrDefault()?.HeldOutNats, null, diverged.Message, diverged.Step, last?.Tokens ?? 0, last?.Seconds ?? 0, 0, 0,
                    pretraining.EngineName, Devices(path), corpus.Digest, null, curve));
            }
        }

        return true;
    }

    private bool IsKept(StudyCell cell) => keepAll || StudyPlan.IsFineTuned(study.Definition, cell);

    /// <summary>A cell that goes on elsewhere says so: equal wall clock on two kinds of device is not equal compute.</summary>
    private void NoteDevice(string path) => File.AppendAllText(Path.Combine(path, DevicesFile), $"{DeviceNames.Of(device) ?? device.ToString()}\n");

    private static string Devices(string path) => string.Join(" and ", File.ReadAllLines(Path.Combine(path, DevicesFile)).Distinct());

    private void Finish(StudyCell cell, IReadOnlyDictionary<string, string> about, StudyCellResult result)
    {
        folder.Finish(cell.Folder, about, result);
        _results[cell] = result;
        say(string.Create(
            CultureInfo.InvariantCulture,
            $"{cell.Name}: {(result.HeldOutFinal is { } loss ? $"held-out {loss:0.0000} nats" : "diverged")}, {result.Tokens / 1e6:0.0} M tokens, {result.Updates} updates in {result.Seconds:0.0} s"));
        Settle(cell);
        changed();
    }

    /// <summary>Leaves of a finished cell's checkpoints what is still needed: the weights for GLUE, and else nothing. Done again where it was cut short.</summary>
    private void Settle(StudyCell cell)
    {
        string path = folder.Of(cell.Folder), checkpoints = Path.Combine(path, "checkpoints");
        if (!Directory.Exists(checkpoints))
        {
            return;
        }

        if (_results[cell].Weights is null)
        {
            Directory.Delete(checkpoints, recursive: true);
            return;
        }

        var store = LocalPretraining.Checkpoints(path, keep: 1);
        if (store.List() is [var newest, ..] && CheckpointStore.ReadManifest(newest).Files.FirstOrDefault(file => file.Name == CheckpointStore.OptimizerFile) is { Bytes: > 64 })
        {
            using var loaded = store.TryLoadNewest(out _)!;
            store.Write(loaded.State with { OptimizerState = new Dictionary<string, torch.Tensor>() });
        }
    }

    private Dictionary<string, string> About(Recipe recipe) => new()
    {
        ["protocol"] = Protocol,
        ["random_streams"] = CheckpointManifest.CurrentRandomStreams,
        ["recipe"] = RecipeJson.Digest(Study.Anonymous(recipe)),
        ["corpus"] = corpora.Of(recipe).Digest,
    };

    /// <summary>What makes the folder a run for the other local commands.</summary>
    private static void WriteCorpus(string path, StudyCorpus corpus)
    {
        if (corpus.Vocabulary is { } vocabulary)
        {
            File.WriteAllLines(Path.Combine(path, RunCheckpoint.VocabularyFile), vocabulary);
        }

        if (corpus.Manifest is { } manifest)
        {
            File.WriteAllText(Path.Combine(path, RunCheckpoint.CorpusFile), JsonSerializer.Serialize(manifest, RecipeJson.Options) + "\n");
        }
    }

    /// <summary>Measurements of earlier legs; a line that was cut by a kill is passed over, since its measurement is made again.</summary>
    private static List<CurvePoint> ReadCurve(string path)
    {
        string file = Path.Combine(path, CurveFile);
        var curve = new List<CurvePoint>();
        foreach (string line in File.Exists(file) ? File.ReadAllLines(file) : [])
        {
            try
            {
                var point = JsonSerializer.Deserialize<CurvePoint>(line, OneLine)!;
                curve.RemoveAll(other => other.Updates >= point.Updates);
                curve.Add(point);
            }
            catch (JsonException)
            {
                // Torn.
            }
        }

        return curve;
    }
}
