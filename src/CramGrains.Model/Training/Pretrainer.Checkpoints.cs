using CramGrains.Model.Checkpoints;

namespace CramGrains.Model.Training;

/// <summary>Where a run goes on from, and what it leaves behind.</summary>
public sealed partial class Pretrainer
{
    private void Restore(double budgetUsedSeconds)
    {
        _checkpoints.RequireLease();
        using var loaded = _checkpoints.TryLoadNewest(out var refused);
        foreach (var problem in refused)
        {
            _events.Report(problem);
        }

        if (loaded is null)
        {
            Budget.Restore(budgetUsedSeconds, 0, 0);
            return;
        }

        var manifest = loaded.State.Manifest;
        manifest.RequireRun(loaded.Path, _recipeDigest, _corpusDigest);
        _engine.Load(loaded.State.Weights, loaded.State.OptimizerState);
        (_optimizerSteps, _microbatchSteps, _heldOutInitial) = (manifest.OptimizerSteps, manifest.MicrobatchSteps, manifest.HeldOutLossInitial);
        _heldOutIsDue = manifest.HeldOutIsDue ?? (manifest.HeldOutLossInitial is null);
        (_checkpoint, _checkpointSteps) = (loaded.Path, manifest.OptimizerSteps);
        _source.Position = manifest.DataPosition;
        _checkpointSeconds = Math.Max(budgetUsedSeconds, manifest.BudgetUsedSeconds);
        _secondsPerMicrobatchBefore = manifest.BudgetUsedSeconds / Math.Max(1, manifest.MicrobatchSteps); // until this attempt has timed its own, or a run that had ended would train on
        Budget.Restore(_checkpointSeconds, manifest.TokensSeen, manifest.ExaflopUsed);
        _events.Report(new Resumed(loaded.Path, _optimizerSteps, _checkpointSeconds));
    }

    private void WriteCheckpointUnlessWritten()
    {
        if (_checkpointSteps != _optimizerSteps)
        {
            WriteCheckpoint();
        }
    }

    private void WriteCheckpoint()
    {
        long started = _time.GetTimestamp();
        var manifest = new CheckpointManifest(
            CheckpointManifest.CurrentVersion, _optimizerSteps, _microbatchSteps, Budget.UsedTokens, Budget.UsedExaflop, Budget.UsedSeconds, _source.Position,
            CheckpointManifest.CurrentRandomStreams, _recipe.Seed, _recipeDigest, _corpusDigest, _checkpoints.LeaseEpoch, _engine.Name, _heldOutInitial, [], DeviceNames.Of(_engine.Device),
            _heldOutIsDue ? true : null);
        var (path, bytes) = _checkpoints.Write(new(manifest, _recipeJson, _engine.Weights(), _engine.OptimizerState()));
        (_checkpoint, _checkpointSteps, _checkpointSeconds) = (path, _optimizerSteps, Budget.UsedSeconds);
        _events.Report(new CheckpointWritten(path, _optimizerSteps, bytes, _time.GetElapsedTime(started).TotalSeconds));
    }
}
