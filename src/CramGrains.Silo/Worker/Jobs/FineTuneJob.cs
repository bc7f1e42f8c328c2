using CramGrains.Interfaces.Runs;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Silo.Worker.Jobs;

/// <summary>Fine-tunes the run's newest good checkpoint on one GLUE task with one seed.</summary>
internal sealed class FineTuneJob(WorkerAssignment assignment, WorkerBoard board, WorkerOrders orders) : IWorkerJob
{
    /// <summary>Fine-tuning is outside the budget.</summary>
    public double BudgetUsedSeconds => assignment.BudgetUsedSeconds;

    public bool Finished { get; private set; }

    public WorkerResult Run()
    {
        var recipe = WorkerRecipe.Read(assignment);
        var device = WorkerRecipe.Device(assignment);
        var task = Enum.Parse<GlueTaskName>(assignment.GlueTask ?? throw new InvalidDataException("A fine-tuning assignment needs glue_task."), ignoreCase: true);
        var encoder = Corpus.OpenEncoder(CorpusFolder());
        var store = new CheckpointStore(Path.Combine(assignment.RunFolder!, "checkpoints"), recipe.Checkpoints.Keep, assignment.LeaseEpoch);
        using var checkpoint = store.TryLoadNewest(out var refused)
            ?? throw new InvalidOperationException($"{store.Folder} holds no checkpoint to fine-tune from.");
        foreach (var problem in refused)
        {
            board.Notice($"Checkpoint {Path.GetFileName(problem.Path)} could not be used and the one before it is fine-tuned: {problem.Problem}");
        }

        var phase = $"fine-tuning {assignment.GlueTask} seed {assignment.Seed}";
        board.Update(status => status with { Phase = WorkerPhase.Running, Message = phase });
        var progress = new DirectProgress<TrainingEvent>(happened => Show(phase, happened));
        var data = GlueReader.Read(assignment.GlueFolder!, task);
        var (result, tuned) = FineTuner.Train(
            recipe.FineTuning, recipe.Architecture, checkpoint.State.Weights, encoder, data, assignment.Seed, device, progress,
            orders.Stopping, cacheFolder: WorkerRecipe.KernelCache(assignment));
        using (tuned)
        {
            Keep(recipe, checkpoint.State.Manifest, data, result, tuned);
        }

        Finished = true;
        return new WorkerResult(
            Scores: [.. result.Scores.Select(score => new Interfaces.Runs.GlueScore(score.Task, score.Metric.Id(), score.Value, assignment.Seed, score.Subset))],
            ExamplesPerSecond: result.ExamplesPerSecond);
    }

    public void Dispose()
    {
    }

    /// <summary>Beside the run's checkpoints: the result, for model cards; and where the recipe asks for it, the model of the first seed, for predictions.</summary>
    private void Keep(Recipe recipe, CheckpointManifest manifest, GlueData data, FineTuningResult result, FineTunedModel tuned)
    {
        string identity = manifest.Files.First(file => file.Name == CheckpointStore.WeightsFile).Sha256;
        GlueResultFolder.Write(GlueResultFolder.OfRun(assignment.RunFolder!), identity, recipe.FineTuning, data, result);
        if (recipe.FineTuning.KeepModels == true && assignment.Seed == recipe.Seed)
        {
            FineTunedFolder.Write(FineTunedFolder.OfRun(assignment.RunFolder!, result.Task), tuned, result, identity);
        }
    }

    /// <summary>The corpus, or the part of it that was brought to a machine that does not pretrain: its vocabulary.</summary>
    private string CorpusFolder()
    {
        var whole = Path.Combine(assignment.CorporaFolder, assignment.CorpusDigest);
        return Directory.Exists(whole) ? whole : whole + Artefacts.ArtefactFolders.VocabularySuffix;
    }

    private void Show(string phase, TrainingEvent happened)
    {
        switch (happened)
        {
            case FineTuningProgress p:
                board.Update(status => status with { Progress = new RunProgress(phase, (double)p.Step / p.TotalSteps, LossNats: p.LossNats) });
                break;
            case TrainingNote note:
                board.Notice(note.Text);
                break;
        }
    }
}
