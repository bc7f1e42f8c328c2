using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Runs;

/// <summary>All that a run's life needs of the world: other grains, its store, and who is told. A grain has the real ones, a simulation its own.</summary>
internal interface IRunSurroundings
{
    string RunId { get; }

    /// <summary>The grain that a grant wakes.</summary>
    string Owner { get; }

    ISchedulerQueue Scheduler { get; }

    IBudgetClockGrain Budget { get; }

    ITrainerGrain Trainer(string deviceId);

    ICorpusGrain Corpus(string request);

    IGlueTaskGrain GlueTask(string key);

    /// <summary>Another run; null when there is none of that id.</summary>
    Task<RunView?> OtherAsync(string runId);

    /// <summary>Writes the run's state; throws when that failed, and then nothing more may be done with it.</summary>
    Task SaveAsync();

    /// <summary>Nobody needs to bring the run back any more.</summary>
    Task ForgetReminderAsync();

    /// <summary>Looks less often from now on: whatever the run waits for will wake it.</summary>
    void LookRarely();

    /// <summary>Goes on with a fresh reading of the state: this one may have been overtaken without noticing, since it has written nothing for long.</summary>
    void ReadAgain();

    /// <summary>Looks often again.</summary>
    void LookOften();

    /// <summary>A line for the run's log.</summary>
    void Note(string text);

    /// <summary>Tells watchers; a milestone is kept for those that come later.</summary>
    void Publish(bool milestone);

    /// <summary>The run has ended, and that is durable; told once for each end.</summary>
    void CountEnd(TerminationReason reason);

    /// <summary>A score of a fine-tuning.</summary>
    void PublishScore(GlueScore score);
}
