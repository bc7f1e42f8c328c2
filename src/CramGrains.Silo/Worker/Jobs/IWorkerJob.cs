namespace CramGrains.Silo.Worker.Jobs;

/// <summary>One job of a worker process. <see cref="Run"/> is called once, on a thread of its own; the rest is read from other threads.</summary>
internal interface IWorkerJob : IDisposable
{
    /// <summary>Budget used by the run so far, in training seconds, all attempts.</summary>
    double BudgetUsedSeconds { get; }

    /// <summary>Whether all of the job is done, as opposed to stopped on the way.</summary>
    bool Finished { get; }

    /// <summary>Does the job, or as much of it as it may before it is asked to stop.</summary>
    WorkerResult Run();
}

/// <summary>Chooses the job.</summary>
internal static class WorkerJobs
{
    public static IWorkerJob Create(WorkerAssignment assignment, WorkerBoard board, WorkerOrders orders) => assignment.Job switch
    {
        WorkerJob.PrepareCorpus => new PrepareCorpusJob(assignment, board, orders),
        WorkerJob.Pretrain => new PretrainJob(assignment, board, orders),
        WorkerJob.FineTune => new FineTuneJob(assignment, board, orders),
        _ => throw new ArgumentOutOfRangeException(nameof(assignment), assignment.Job, "This build does not know the job."),
    };
}
