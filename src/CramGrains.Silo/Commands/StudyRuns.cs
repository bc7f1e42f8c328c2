using System.Globalization;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;
using CramGrains.Model.Training;
using CramGrains.Silo.Hosting;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>The pretrainings of a study, one after the other, as far as their results are not there already and no other process is at them.</summary>
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

    // What a process does with a piece whose result is there already: strip its checkpoint, at most.
    private static readonly TimeSpan Finishing = TimeSpan.FromSeconds(10);

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
        foreach (var cell in study.Cells.Where(cell => !_results.ContainsKey(cell)))
        {
            if (RecipeOf(cell) is { } recipe && Directory.Exists(folder.Of(cell.Folder)) && Found(cell, recipe) is not null)
            {
                using var claim = folder.Claim(cell.Folder, Finishing);
                _ = claim is not null && Take(cell, recipe);
            }
        }
    }

    /// <summary>Runs the selected cells that are not done, and the grids that they rest on.</summary>
    /// <returns>Whether all of them are done.</returns>
    public bool Run(Func<StudyCell, bool> selected, StudyStop stop)
    {
        var variants = study.Cells.Where(cell => cell.Part != StudyPart.Grid && selected(cell)).Select(cell => cell.Variant).ToHashSet();
        var chosen = study.Cells.Where(cell => selected(cell) || (cell.Part == StudyPart.Grid && variants.Contains(cell.Variant))).ToList();
        while (true)
        {
            Find();
            var left = chosen.Where(cell => !_results.ContainsKey(cell)).ToList();
            if (left.Count == 0 || stop.IsAsked)
            {
                return left.Count == 0;
            }

            if (left.Any(cell => RunIfFree(cell, stop.Token)))
            {
                continue; // a grid may have chosen, and others have gone on
            }

            if (!stop.IsAsked)
            {
                stop.WaitForOthers(left[0].Name, say);
            }
        }
    }

    /// <summary>Runs a cell that no other process is at, unless it rests on a grid of which one still is.</summary>
    /// <returns>Whether its result is there now.</returns>
    private bool RunIfFree(StudyCell cell, CancellationToken stop)
    {
        if (stop.IsCancellationRequested || RecipeOf(cell) is not { } recipe)
        {
            return false;
        }

        using (var claim = folder.Claim(cell.Folder))
        {
            if (claim is null || !(Take(cell, recipe) || RunOne(cell, recipe, stop)))
            {
                return false;
            }
        }

        changed(); // without the claim: whoever is told looks for what others have finished, and waits for theirs
        return true;
    }

    /// <summary>Takes a result that is there, whoever made it. The caller holds the cell's claim.</summary>
    private bool Take(StudyCell cell, Recipe recipe)
    {
        if (Found(cell, recipe) is not { } found)
        {
            return false;
        }

        _results[cell] = found with { Cell = cell }; // the study may have given it another part since: what was a variant is an element taken away
        Settle(cell);
        return true;
    }

    private StudyCellResult? Found(StudyCell cell, Recipe recipe) => folder.Find<StudyCellResult>(cell.Folder, About(recipe), StudySettingsFile.Of(Study.Anonymous(recipe)));

    private bool RunOne(StudyCell cell, Recipe full, CancellationToken stop)
    {
        var (corpus, recipe, about, path) = (corpora.Of(full), Study.Anonymous(full), About(full), folder.Of(cell.Folder));
        folder.Begin(cell.Folder, about);
        WriteCorpus(path, corpus);
        NoteDevice(path);
        say(cell.Name);
        var curve = ReadCurve(path);
        AtomicFile.WriteText(Path.Combine(path, CurveFile), string.Concat(curve.Select(point => JsonSerializer.Serialize(point, OneLine) + "\n"))); // without what a kill tore
        using (var lines = new StreamWriter(Path.Combine(path, CurveFile), append: true) { AutoFlush = true })
        {
            void Heard(TrainingEvent happened, BudgetMeter budget)
            {
                if (happened is Resumed resumed)
                {
                    curve.RemoveAll(point => point.Updates > resumed.OptimizerSteps); // measured after the checkpoint, and to be measured again
                }
                else if (happened is HeldOutMeasured measured && double.IsFinite(measured.LossNats))
                {
                    var point = new CurvePoint(budget.UsedSeconds, budget.UsedTokens, measured.OptimizerSteps, measured.LossNats);
                    lines.WriteLine(JsonSerializer.Serialize(point, OneLine));
                    curve.RemoveAll(other => other.Updates >= point.Updates); // of a leg that was killed, and is done again from before
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

                double final = result.HeldOutLoss!.Value;
                bool finite = double.IsFinite(final);
                Finish(cell, about, new(
                    cell, result.HeldOutLossInitial, finite ? final : null, finite ? null : "The held-out loss at the end is not finite.", result.OptimizerSteps, result.TokensSeen, result.BudgetUsedSeconds, result.ExaflopUsed, result.Parameters,
                    pretraining.EngineName, Devices(path), corpus.Digest,
                    finite && IsKept(cell) ? PretrainedModel.IdentityOf(CheckpointStore.ReadManifest(result.Checkpoint)) : null, curve, PaperTrack.Of(full)));
            }
            catch (NonFiniteLossException diverged)
            {
                // An outcome, not an accident: a grid may try what diverges, and the table says so.
                var last = curve.LastOrDefault();
                Finish(cell, about, new(
                    cell, curve.FirstOrDefault()?.HeldOutNats, null, diverged.Message, diverged.Step, last?.Tokens ?? 0, last?.Seconds ?? 0, 0, 0,
                    pretraining.EngineName, Devices(path), corpus.Digest, null, curve, PaperTrack.Of(full)));
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
            $"{cell.Name}: {(result.HeldOutFinal is { } loss ? $"held-out {loss:0.0000} nats" : "diverged")}, {TokenCount.Text(result.Tokens)} tokens, {result.Updates} updates in {result.Seconds:0.0} s"));
        Settle(cell);
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

        var whole = LocalPretraining.Checkpoints(path);
        if (whole.List() is [_, _, ..] || (whole.List() is [var only] && CheckpointStore.ReadManifest(only).Files.FirstOrDefault(file => file.Name == CheckpointStore.OptimizerFile) is { Bytes: > 64 }))
        {
            // Under the next epoch: by the same name one would have to go before the other comes, and a kill in between would leave neither.
            using var loaded = whole.TryLoadNewest(out _)!;
            long epoch = loaded.State.Manifest.LeaseEpoch + 1;
            new CheckpointStore(whole.Folder, keep: 1, epoch).Write(
                loaded.State with { Manifest = loaded.State.Manifest with { LeaseEpoch = epoch }, OptimizerState = new Dictionary<string, torch.Tensor>() });
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
    private static void WriteCorpus(string path, StudyCorpus corpus) =>
        RunCheckpoint.WriteCorpus(path, corpus.Vocabulary, corpus.Manifest is { } manifest ? JsonSerializer.Serialize(manifest, RecipeJson.Options) + "\n" : null);

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
