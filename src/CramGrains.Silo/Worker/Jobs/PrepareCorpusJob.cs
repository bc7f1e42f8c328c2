using CramGrains.Interfaces.Runs;
using CramGrains.Model.Data;
using CramGrains.Silo.Data;

namespace CramGrains.Silo.Worker.Jobs;

/// <summary>Makes the corpus that the recipe describes; found at once when it is there already.</summary>
internal sealed class PrepareCorpusJob(WorkerAssignment assignment, WorkerBoard board, WorkerOrders orders) : IWorkerJob
{
    /// <summary>Preparation is free: the rules exempt it from the budget.</summary>
    public double BudgetUsedSeconds => assignment.BudgetUsedSeconds;

    public bool Finished { get; private set; }

    public WorkerResult Run()
    {
        var recipe = WorkerRecipe.Read(assignment);
        board.Update(status => status with { Phase = WorkerPhase.Running, Message = "preparing corpus" });
        var progress = new DirectProgress<CorpusProgress>(Show);
        var glue = assignment.GlueFolder;
        if (glue is not null && !Directory.Exists(glue))
        {
            board.Notice($"The corpus was not searched for sentences of GLUE: {glue} is not on this machine, which has the corpus's sources.");
            glue = null;
        }

        var options = new CorpusOptions { GlueFolder = glue, Downloads = DownloadSettings.FromEnvironment() };
        var manifest = CorpusBuilder.Prepare(recipe.Corpus, assignment.CorporaFolder, options, progress, orders.Stopping);
        if (manifest.Contamination is { } contamination)
        {
            board.Notice(CorpusText.Describe(contamination));
        }

        Finished = true;
        return new WorkerResult(CorpusTokens: manifest.TrainingTokens, CorpusDigest: manifest.Digest);
    }

    public void Dispose()
    {
    }

    private void Show(CorpusProgress progress) => board.Update(status => status with
    {
        Progress = new RunProgress($"preparing corpus: {progress.Stage}", progress.Fraction),
    });
}
