using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;
using CramGrains.Model.Training;
using CramGrains.Silo.Worker.Jobs;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>The fine-tunings of a study: first the choice of one setting for each variant, then every task and seed with it.</summary>
/// <param name="study">What is run.</param>
/// <param name="runs">The pretrainings.</param>
/// <param name="folder">Where results lie.</param>
/// <param name="corpora">The vocabularies.</param>
/// <param name="glueFolder">Official GLUE files.</param>
/// <param name="device">The one device.</param>
/// <param name="cache">Folder of compiled kernels.</param>
/// <param name="say">Told of each in one line.</param>
/// <param name="changed">Told when a result is there that was not.</param>
internal sealed class StudyGlueRuns(
    Study study, StudyRuns runs, StudyFolder folder, StudyCorpora corpora, string glueFolder, torch.Device device, string cache, Action<string> say, Action changed)
{
    private const string Protocol = "study-glue-1";

    private readonly StudyGlue _glue = study.Definition.Glue!;
    private readonly Dictionary<string, StudyGlueResult> _results = [];
    private readonly Dictionary<(GlueTaskName, bool), (GlueData Data, string Digest)> _data = [];

    /// <summary>What is done, choices included.</summary>
    public IReadOnlyList<StudyGlueResult> Results => [.. _results.Values];

    /// <summary>Reads the files of every task, so that a missing one surfaces before the first pretraining.</summary>
    /// <exception cref="GlueException">A file is missing or cannot be read.</exception>
    public void CheckFiles()
    {
        foreach (var task in _glue.Tasks)
        {
            Data(task, choice: StudySettings.Candidates(_glue).Count > 1);
        }
    }

    /// <summary>Takes up what is there, and refuses by name what was made for something else.</summary>
    public void Find()
    {
        foreach (var variant in study.Definition.Variants)
        {
            Take(Choices(variant.Name));
        }

        foreach (var cell in study.Cells.Where(cell => StudyPlan.IsFineTuned(study.Definition, cell)))
        {
            Take(Finals(cell));
        }
    }

    /// <summary>Whether a selected model is fine-tuned with the setting that is still to be chosen on the model of this cell.</summary>
    public bool ChoosesFor(Func<StudyCell, bool> selected, StudyCell cell) =>
        cell == StudyPlan.ChoiceCell(study.Definition, cell.Variant) && StudyChoices.Setting(study.Definition, cell.Variant, Results).Best is null
        && study.Cells.Any(other => other.Variant == cell.Variant && selected(other) && StudyPlan.IsFineTuned(study.Definition, other));

    /// <summary>Runs what the selected cells need and what is not done.</summary>
    /// <returns>Whether all of it is done.</returns>
    public bool Run(Func<StudyCell, bool> selected, StudyStop stop)
    {
        var cells = study.Cells.Where(cell => StudyPlan.IsFineTuned(study.Definition, cell) && selected(cell)).ToList();
        if (cells.FirstOrDefault(cell => runs.Result(cell) is { Weights: null, Failure: null }) is { } bare)
        {
            throw new CheckpointMismatchException(
                $"{folder.Of(bare.Folder)}: was pretrained when the study did not fine-tune it, so its weights were not kept. Delete that folder to pretrain it again.");
        }

        cells.RemoveAll(cell => HasDiverged(cell) || HasDiverged(StudyPlan.ChoiceCell(study.Definition, cell.Variant)));
        bool complete = true;
        foreach (string variant in cells.Select(cell => cell.Variant).Distinct())
        {
            if (StudyChoices.Setting(study.Definition, variant, Results).Best is null)
            {
                complete &= runs.Result(StudyPlan.ChoiceCell(study.Definition, variant)) is not null && RunAll(Choices(variant), stop);
            }
        }

        // One seed of all, then the next: whenever it is stopped, what is done compares.
        var finals = cells.SelectMany(Finals).OrderBy(work => IndexOf(_glue.Seeds, work.Seed)).ToList();
        complete &= cells.All(cell => runs.Result(cell) is not null && StudyChoices.Setting(study.Definition, cell.Variant, Results).Best is not null);
        return RunAll(finals, stop) && complete;
    }

    /// <summary>A pretraining that diverged left nothing to fine-tune, or to choose a setting on; the table names it.</summary>
    private bool HasDiverged(StudyCell cell) => runs.Result(cell) is { Failure: not null };

    private static int IndexOf(IReadOnlyList<int> list, int item) => list.Index().First(pair => pair.Item == item).Index;

    /// <summary>The fine-tunings that choose a variant's setting; none where there is nothing to choose, or nothing to fine-tune yet.</summary>
    private List<Work> Choices(string variant)
    {
        var cell = StudyPlan.ChoiceCell(study.Definition, variant);
        return StudySettings.Candidates(_glue).Count == 1 || runs.Result(cell) is not { Weights: not null } ? [] :
        [
            .. from candidate in StudySettings.Candidates(_glue)
               from seed in _glue.ChoiceSeeds ?? [_glue.Seeds[0]]
               from task in _glue.Tasks
               select new Work(cell, task, seed, candidate, true),
        ];
    }

    /// <summary>The fine-tunings of one model with the chosen setting; none while there is no model or no setting, or where training diverged.</summary>
    private List<Work> Finals(StudyCell cell)
    {
        string? best = StudyChoices.Setting(study.Definition, cell.Variant, Results).Best;
        return best is null || runs.Result(cell) is not { Weights: not null } ? [] :
        [
            .. from seed in _glue.Seeds
               from task in _glue.Tasks
               select new Work(cell, task, seed, StudySettings.Candidates(_glue).First(candidate => StudySettings.Text(candidate) == best), false),
        ];
    }

    private void Take(IEnumerable<Work> works)
    {
        foreach (var work in works)
        {
            Take(work);
        }
    }

    /// <summary>Whether its result is there, whoever made it.</summary>
    private bool Take(Work work)
    {
        if (!_results.ContainsKey(work.Piece) && folder.Find<StudyGlueResult>(work.Piece, About(work), StudySettingsFile.Of(Settings(work))) is { } found)
        {
            _results[work.Piece] = found with { Cell = work.Cell };
        }

        return _results.ContainsKey(work.Piece);
    }

    private bool RunAll(IReadOnlyList<Work> works, StudyStop stop)
    {
        using var models = new StudyModels(runs, folder, corpora);
        try
        {
            while (works.FirstOrDefault(work => !Take(work)) is { } first)
            {
                if (stop.IsAsked)
                {
                    return false;
                }

                if (!works.Any(work => RunIfFree(work, models, stop.Token)))
                {
                    stop.WaitForOthers(first.Name, say);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsAsked)
        {
            return false; // this one begins anew: it is short
        }

        return true;
    }

    /// <summary>Runs one that is not done and that no other process is at.</summary>
    /// <returns>Whether its result is there now and was not before.</returns>
    private bool RunIfFree(Work work, StudyModels models, CancellationToken stop)
    {
        using (var claim = _results.ContainsKey(work.Piece) ? null : folder.Claim(work.Piece))
        {
            if (claim is null)
            {
                return false;
            }

            if (!Take(work))
            {
                RunOne(work, models.Of(work.Cell), stop);
            }
        }

        changed();
        return true;
    }

    private void RunOne(Work work, PretrainedEncoder encoder, CancellationToken stop)
    {
        var about = About(work);
        var settings = Settings(work);
        var (data, _) = Data(work.Task, work.Choice);
        string setting = StudySettings.Text(work.Candidate);
        folder.Begin(work.Piece, about, StudySettingsFile.Of(settings));
        StudyGlueResult result;
        try
        {
            StudyGlueResult? made = null;
            var progress = new DirectProgress<TrainingEvent>(happened =>
            {
                if (happened is TrainingNote note)
                {
                    say(note.Text);
                }
            });
            GlueProtocol.Run(settings, encoder, data, [work.Seed], device, progress, (tuned, _) => made = new(
                work.Cell, work.Task, work.Seed, setting, work.Choice, tuned.Scores, tuned.TrainExamples, tuned.EvaluationExamples, tuned.Steps, tuned.TrainingSeconds), stop, cache);
            result = made!;
        }
        catch (NonFiniteFineTuningLossException diverged)
        {
            result = new(work.Cell, work.Task, work.Seed, setting, work.Choice, [], 0, 0, diverged.Step, 0, diverged.Message);
        }

        folder.Finish(work.Piece, about, result);
        _results[work.Piece] = result;
        string score = result.Failure ?? (100 * result.Headline).ToString("0.0", CultureInfo.InvariantCulture);
        say($"{work.Name}: {score}, {result.Steps} steps in {result.Seconds.ToString("0.0", CultureInfo.InvariantCulture)} s");
    }

    private FineTuningRecipe Settings(Work work) => StudySettings.Of(runs.RecipeOf(work.Cell)!.FineTuning, _glue, work.Candidate, work.Choice);

    private Dictionary<string, string> About(Work work) => new()
    {
        ["protocol"] = Protocol,
        ["weights"] = runs.Result(work.Cell)!.Weights!,
        ["settings"] = Digest(StudySettingsFile.Of(Settings(work)).Json),
        ["data"] = Data(work.Task, work.Choice).Digest,
    };

    private (GlueData Data, string Digest) Data(GlueTaskName task, bool choice)
    {
        if (!_data.TryGetValue((task, choice), out var known))
        {
            var whole = GlueReader.Read(glueFolder, task);
            string digest = whole.Digest();
            _data[(task, false)] = (whole, digest);
            known = choice ? _data[(task, true)] = (GlueChoice.Split(whole), digest) : _data[(task, false)];
        }

        return known;
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>One fine-tuning.</summary>
    private sealed record Work(StudyCell Cell, GlueTaskName Task, int Seed, IReadOnlyList<string> Candidate, bool Choice)
    {
        public string Piece { get; } = string.Create(
            CultureInfo.InvariantCulture, $"{Cell.Folder}/{(Choice ? $"glue-choice/{FolderName(StudySettings.Text(Candidate))}" : "glue")}/{GlueTask.Of(Task).Id}-{Seed}");

        public string Name { get; } = $"{Cell.Name}, {GlueTask.Of(Task).Id} seed {Seed}{(Choice ? $", choosing {StudySettings.Text(Candidate)}" : "")}";

        private static string FolderName(string text) => string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-'));
    }
}
