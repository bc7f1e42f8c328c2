using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Data;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Runs;

/// <summary>The world of a run, as its grain sees it.</summary>
internal sealed partial class RunGrain
{
    string IRunSurroundings.RunId => RunId;

    string IRunSurroundings.Owner => this.GetGrainId().ToString();

    ISchedulerQueue IRunSurroundings.Scheduler => GrainFactory.GetGrain<ISchedulerQueue>(SchedulerKey.Default);

    IBudgetClockGrain IRunSurroundings.Budget => GrainFactory.GetGrain<IBudgetClockGrain>(RunId);

    ITrainerGrain IRunSurroundings.Trainer(string deviceId) => GrainFactory.GetGrain<ITrainerGrain>(deviceId);

    ICorpusGrain IRunSurroundings.Corpus(string request) => GrainFactory.GetGrain<ICorpusGrain>(request);

    IGlueTaskGrain IRunSurroundings.GlueTask(string key) => GrainFactory.GetGrain<IGlueTaskGrain>(key);

    Task<RunView?> IRunSurroundings.OtherAsync(string runId) => GrainFactory.GetGrain<IRunGrain>(runId).GetAsync();

    Task IRunSurroundings.SaveAsync() => SaveAsync();

    Task IRunSurroundings.ForgetReminderAsync() => ForgetReminderAsync();

    void IRunSurroundings.LookRarely() => Pause();

    void IRunSurroundings.ReadAgain()
    {
        DeactivateOnIdle();
        GrainFactory.GetGrain<IWorkOwner>(this.GetGrainId()).WakeAsync().Ignore(); // it reaches the next activation
    }

    void IRunSurroundings.LookOften() => Resume();

    void IRunSurroundings.Note(string text) => _logs.Write(RunId, _clock.UtcNow, text);

    void IRunSurroundings.CountEnd(TerminationReason reason) => _metrics.RunEnded(reason);

    void IRunSurroundings.PublishScore(GlueScore score) => _metrics.PublishScore(RunId, score);

    void IRunSurroundings.Publish(bool milestone)
    {
        RunView view = _life.View();
        if (milestone)
        {
            LogState(_logger, RunId, view.State, view.Message);
        }

        Tell(view, milestone);
    }

    private void Tell(RunView view, bool milestone)
    {
        _feed.Publish(view, milestone);
        if (view.State.IsFinal())
        {
            _metrics.RemoveRun(RunId);
        }
        else
        {
            _metrics.PublishRun(view);
        }
    }
}
